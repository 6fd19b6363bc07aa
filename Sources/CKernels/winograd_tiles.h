// Those of Winograd's transforms that exist for results in single precision and in bfloat16.
#pragma once
#include "CKernels.h"
#include "bfloat.h"

enum { MOST_OUT = 4, MOST_IN = MOST_OUT + 2 };

// The points of the larger tile beside 0 and infinity, with either sign: 1 / sqrt 2 and sqrt 2.
#define NEAR 0.70710678f
#define FAR 1.41421356f

struct pass {
    const float *x, *bias, *residual;  // pictures, or products of tiles
    float *y;                          // tiles, or pictures
    size_t height, width, channels, down, across, first, rows;
    uint16_t *narrow;  // tiles in bfloat16, instead of y
};

// The rows of B^T applied to `out` + 2 values.
TMDNE_INLINE void input_line(size_t out, const f32x16 *d, size_t step, f32x16 *v) {
    if (out == 2) {
        v[0] = d[0] - d[2 * step];
        v[step] = d[step] + d[2 * step];
        v[2 * step] = d[2 * step] - d[step];
        v[3 * step] = d[step] - d[3 * step];
        return;
    }
    f32x16 d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    f32x16 even = d4 - d2 * 2.0f, odd = (d3 - d1 * 2.0f) * NEAR;
    f32x16 outer = d4 - d2 * 0.5f, inner = (d3 - d1 * 0.5f) * FAR;
    v[0] = d0 - d2 * 2.5f + d4;
    v[step] = even + odd;
    v[2 * step] = even - odd;
    v[3 * step] = outer + inner;
    v[4 * step] = outer - inner;
    v[5 * step] = d1 - d3 * 2.5f + d5;
}

TMDNE_INLINE void transform_input(size_t out, int is_narrow, const struct pass *p, size_t begin, size_t end) {
    size_t in = out + 2, tiles = p->down * p->across, plane = p->rows * p->channels;
    for (size_t row = begin; row < end; row++) {
        size_t tile = p->first + row, image = tile / tiles, top = tile % tiles / p->across * out,
               left = tile % p->across * out;
        const float *x = p->x + image * p->height * p->width * p->channels;
        for (size_t c = 0; c < p->channels; c += LANES) {
            f32x16 d[MOST_IN * MOST_IN], half[MOST_IN * MOST_IN];
            for (size_t i = 0; i < in; i++) {
                for (size_t j = 0; j < in; j++) {
                    // One beyond each edge is padding; unsigned, so that what lies before the first is beyond too.
                    size_t h = top + i - 1, w = left + j - 1;
                    if (h < p->height && w < p->width)
                        load16(&d[i * in + j], x + (h * p->width + w) * p->channels + c);
                    else
                        d[i * in + j] = (f32x16){0};
                }
            }
            for (size_t j = 0; j < in; j++) input_line(out, d + j, in, half + j);
            for (size_t i = 0; i < in; i++) {
                input_line(out, half + i * in, 1, d + i * in);
                for (size_t j = 0; j < in; j++) {
                    size_t place = (i * in + j) * plane + row * p->channels + c;
                    if (is_narrow) narrow16(p->narrow + place, &d[i * in + j]);
                    else store16(p->y + place, &d[i * in + j]);
                }
            }
        }
    }
}

TMDNE_INLINE struct pass tiles_of(
    size_t tile, const float *x, size_t height, size_t width, size_t channels, size_t first, size_t rows) {
    return (struct pass){
        .x = x,
        .height = height,
        .width = width,
        .channels = channels,
        .down = (height + tile - 1) / tile,
        .across = (width + tile - 1) / tile,
        .first = first,
        .rows = rows,
    };
}

struct weights_pass {
    const float *weights;
    float *u;
    uint16_t *narrow;  // panels of bfloat16, instead of u
    size_t outputs, inputs;
    int in_panels;
};

// The rows of G applied to three values.
TMDNE_INLINE void weights_line(size_t out, const f32x16 *w, size_t step, f32x16 *u, size_t u_step) {
    if (out == 2) {
        f32x16 ends = w[0] + w[2 * step];
        u[0] = w[0];
        u[u_step] = (ends + w[step]) * 0.5f;
        u[2 * u_step] = (ends - w[step]) * 0.5f;
        u[3 * u_step] = w[2 * step];
        return;
    }
    f32x16 near = w[0] * (-2.0f / 3) - w[2 * step] * (1.0f / 3), near_middle = w[step] * (-2.0f / 3 * NEAR);
    f32x16 far = w[0] * (1.0f / 6) + w[2 * step] * (1.0f / 3), far_middle = w[step] * (1.0f / 6 * FAR);
    u[0] = w[0];
    u[u_step] = near + near_middle;
    u[2 * u_step] = near - near_middle;
    u[3 * u_step] = far + far_middle;
    u[4 * u_step] = far - far_middle;
    u[5 * u_step] = w[2 * step];
}

// Sixteen outputs of one input: points[in * in].
TMDNE_INLINE void transform_kernel(size_t out, const struct weights_pass *p, size_t first, size_t i, f32x16 *points) {
    size_t in = out + 2;
    f32x16 w[9], half[MOST_IN * 3];
    for (size_t lane = 0; lane < LANES; lane++) {
        const float *source = p->weights + ((first + lane) * p->inputs + i) * 9;
        for (size_t k = 0; k < 9; k++) w[k][lane] = source[k];
    }
    for (size_t b = 0; b < 3; b++) weights_line(out, w + b, 3, half + b, 3);
    for (size_t a = 0; a < in; a++) weights_line(out, half + a * 3, 1, points + a * in, 1);
}

TMDNE_INLINE void transform_weights(size_t out, int is_narrow, const struct weights_pass *p, size_t begin, size_t end) {
    size_t in = out + 2, plane = p->inputs * p->outputs, step = p->in_panels ? LANES : p->outputs;
    f32x16 points[2][MOST_IN * MOST_IN];
    for (size_t block = begin; block < end; block++) {
        size_t first = block * LANES;
        if (is_narrow) {
            uint16_t *panel = p->narrow + first * p->inputs;
            for (size_t i = 0; i < p->inputs; i += 2) {
                for (size_t half = 0; half < 2; half++) transform_kernel(out, p, first, i + half, points[half]);
                for (size_t k = 0; k < in * in; k++)
                    narrow_pairs(panel + k * plane + i * LANES, &points[0][k], &points[1][k]);
            }
        } else {
            float *u = p->u + first * (p->in_panels ? p->inputs : 1);
            for (size_t i = 0; i < p->inputs; i++) {
                transform_kernel(out, p, first, i, points[0]);
                for (size_t k = 0; k < in * in; k++) store16(u + k * plane + i * step, &points[0][k]);
            }
        }
    }
}
