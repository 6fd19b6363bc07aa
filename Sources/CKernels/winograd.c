#include "CKernels.h"
#include "parallel.h"
#include "winograd_input.h"

// F(4x4, 3x3) and F(2x2, 3x3) of Lavin and Gray (2016), equation 4 and the matrices of their section 4: interpolation at 0,
// ±1, infinity, and for the larger tile ±2. `out` is the side of a tile, a constant after inlining, and `out` + 2 that of
// the input that it needs.

TMDNE_CLONES static void input_of_4(const void *pass, size_t begin, size_t end) { transform_input(4, 0, pass, begin, end); }
TMDNE_CLONES static void input_of_2(const void *pass, size_t begin, size_t end) { transform_input(2, 0, pass, begin, end); }

// The rows of A^T applied to `out` + 2 values.
TMDNE_INLINE void output_line(size_t out, const f32x16 *m, size_t step, f32x16 *y, size_t y_step) {
    if (out == 2) {
        y[0] = m[0] + m[step] + m[2 * step];
        y[y_step] = m[step] - m[2 * step] - m[3 * step];
        return;
    }
    f32x16 sum1 = m[step] + m[2 * step], difference1 = m[step] - m[2 * step];
    f32x16 sum2 = m[3 * step] + m[4 * step], difference2 = m[3 * step] - m[4 * step];
    y[0] = m[0] + sum1 + sum2;
    y[y_step] = difference1 + difference2 * 2.0f;
    y[2 * y_step] = sum1 + sum2 * 4.0f;
    y[3 * y_step] = difference1 + difference2 * 8.0f + m[5 * step];
}

TMDNE_INLINE void transform_output(size_t out, const struct pass *p, size_t begin, size_t end) {
    size_t in = out + 2, tiles = p->down * p->across, plane = p->rows * p->channels;
    for (size_t row = begin; row < end; row++) {
        size_t tile = p->first + row, image = tile / tiles, top = tile % tiles / p->across * out,
               left = tile % p->across * out;
        size_t origin = image * p->height * p->width * p->channels;
        const float *m = p->x + row * p->channels;
        for (size_t c = 0; c < p->channels; c += LANES) {
            f32x16 points[MOST_IN * MOST_IN], half[MOST_OUT * MOST_IN], y[MOST_OUT * MOST_OUT], bias;
            load16(&bias, p->bias + c);
            for (size_t i = 0; i < in * in; i++) load16(&points[i], m + i * plane + c);
            for (size_t j = 0; j < in; j++) output_line(out, points + j, in, half + j, in);
            for (size_t i = 0; i < out; i++) {
                output_line(out, half + i * in, 1, y + i * out, 1);
                for (size_t j = 0; j < out; j++) {
                    size_t h = top + i, w = left + j, place = origin + (h * p->width + w) * p->channels + c;
                    if (h >= p->height || w >= p->width) continue;
                    f32x16 value = y[i * out + j] + bias;
                    if (p->residual) {
                        f32x16 residual;
                        load16(&residual, p->residual + place);
                        value += residual;
                    }
                    store16(p->y + place, &value);
                }
            }
        }
    }
}

TMDNE_CLONES static void output_of_4(const void *pass, size_t begin, size_t end) { transform_output(4, pass, begin, end); }
TMDNE_CLONES static void output_of_2(const void *pass, size_t begin, size_t end) { transform_output(2, pass, begin, end); }

size_t tmdne_winograd_points(size_t tile) { return (tile + 2) * (tile + 2); }

size_t tmdne_winograd_tiles(size_t tile, size_t images, size_t height, size_t width) {
    return images * ((height + tile - 1) / tile) * ((width + tile - 1) / tile);
}

void tmdne_winograd_input(
    size_t tile, const float *x, float *v, size_t height, size_t width, size_t channels, size_t first, size_t rows) {
    struct pass pass = tiles_of(tile, x, height, width, channels, first, rows);
    pass.y = v;
    size_t work = rows * channels * tmdne_winograd_points(tile);
    tmdne_parallel(rows, work, tile == 4 ? input_of_4 : input_of_2, &pass);
}

void tmdne_winograd_output(
    size_t tile, const float *m, const float *bias, const float *residual, float *y, size_t height, size_t width,
    size_t channels, size_t first, size_t rows) {
    struct pass pass = tiles_of(tile, m, height, width, channels, first, rows);
    pass.bias = bias, pass.residual = residual, pass.y = y;
    size_t work = rows * channels * tmdne_winograd_points(tile);
    tmdne_parallel(rows, work, tile == 4 ? output_of_4 : output_of_2, &pass);
}

struct weights_pass {
    const float *weights;
    float *u;
    size_t outputs, inputs;
    int in_panels;
};

// The rows of G applied to three values.
TMDNE_INLINE void weights_line(size_t out, const f32x16 *w, size_t step, f32x16 *u, size_t u_step) {
    f32x16 ends = w[0] + w[2 * step];
    if (out == 2) {
        u[0] = w[0];
        u[u_step] = (ends + w[step]) * 0.5f;
        u[2 * u_step] = (ends - w[step]) * 0.5f;
        u[3 * u_step] = w[2 * step];
        return;
    }
    f32x16 far = w[0] * (1.0f / 24) + w[2 * step] * (1.0f / 6), middle = w[step] * (1.0f / 12);
    u[0] = w[0] * 0.25f;
    u[u_step] = (ends + w[step]) * (-1.0f / 6);
    u[2 * u_step] = (ends - w[step]) * (-1.0f / 6);
    u[3 * u_step] = far + middle;
    u[4 * u_step] = far - middle;
    u[5 * u_step] = w[2 * step];
}

// Sixteen outputs at a time.
TMDNE_INLINE void transform_weights(size_t out, const struct weights_pass *p, size_t begin, size_t end) {
    size_t in = out + 2, plane = p->inputs * p->outputs, step = p->in_panels ? LANES : p->outputs;
    for (size_t block = begin; block < end; block++) {
        float *u = p->u + block * LANES * (p->in_panels ? p->inputs : 1);
        for (size_t i = 0; i < p->inputs; i++) {
            f32x16 w[9], half[MOST_IN * 3], line[MOST_IN];
            for (size_t lane = 0; lane < LANES; lane++) {
                const float *source = p->weights + ((block * LANES + lane) * p->inputs + i) * 9;
                for (size_t k = 0; k < 9; k++) w[k][lane] = source[k];
            }
            for (size_t b = 0; b < 3; b++) weights_line(out, w + b, 3, half + b, 3);
            for (size_t a = 0; a < in; a++) {
                weights_line(out, half + a * 3, 1, line, 1);
                for (size_t b = 0; b < in; b++) store16(u + (a * in + b) * plane + i * step, &line[b]);
            }
        }
    }
}

TMDNE_CLONES static void weights_of_4(const void *pass, size_t begin, size_t end) {
    transform_weights(4, pass, begin, end);
}

TMDNE_CLONES static void weights_of_2(const void *pass, size_t begin, size_t end) {
    transform_weights(2, pass, begin, end);
}

void tmdne_winograd_weights(
    size_t tile, const float *weights, float *u, size_t outputs, size_t inputs, int in_panels) {
    struct weights_pass pass = {weights, u, outputs, inputs, in_panels};
    size_t work = outputs * inputs * tmdne_winograd_points(tile);
    tmdne_parallel(outputs / LANES, work, tile == 4 ? weights_of_4 : weights_of_2, &pass);
}
