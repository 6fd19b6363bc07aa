// The first of Winograd's transforms, which exists for results in single precision and in bfloat16.
#pragma once
#include "CKernels.h"
#include "bfloat.h"

enum { MOST_OUT = 4, MOST_IN = MOST_OUT + 2 };

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
    f32x16 even = d4 - d2 * 4.0f, odd = d3 - d1 * 4.0f, outer = d4 - d2, inner = (d3 - d1) * 2.0f;
    v[0] = d0 * 4.0f - d2 * 5.0f + d4;
    v[step] = even + odd;
    v[2 * step] = even - odd;
    v[3 * step] = outer + inner;
    v[4 * step] = outer - inner;
    v[5 * step] = d1 * 4.0f - d3 * 5.0f + d5;
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
