#include "CKernels.h"
#include "parallel.h"
#include "winograd_tiles.h"

// F(4x4, 3x3) and F(2x2, 3x3) of Lavin and Gray (2016): interpolation at 0, infinity and ±1, or for the larger tile ±1 / sqrt 2
// and ±sqrt 2 by the construction of their section 4. The usual ±1 and ±2 would make twice the error, since what is added
// and taken away again is larger (on the choice of points: Barabasz et al. 2020). `out` is the side of a tile, a constant
// after inlining, and `out` + 2 that of the input that it needs.

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
    difference1 *= NEAR, difference2 *= FAR;
    y[0] = m[0] + sum1 + sum2;
    y[y_step] = difference1 + difference2;
    y[2 * y_step] = sum1 * 0.5f + sum2 * 2.0f;
    y[3 * y_step] = difference1 * 0.5f + difference2 * 2.0f + m[5 * step];
}

TMDNE_INLINE void transform_output(size_t out, int streams, const struct pass *p, size_t begin, size_t end) {
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
                    if (streams) stream16(p->y + place, &value);
                    else store16(p->y + place, &value);
                }
            }
        }
    }
    if (streams) end_streaming();
}

TMDNE_CLONES static void output_of_4(const void *pass, size_t begin, size_t end) {
    transform_output(4, 0, pass, begin, end);
}

TMDNE_CLONES static void output_of_2(const void *pass, size_t begin, size_t end) {
    transform_output(2, 0, pass, begin, end);
}

TMDNE_CLONES static void streamed_output_of_4(const void *pass, size_t begin, size_t end) {
    transform_output(4, 1, pass, begin, end);
}

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
    int streams = is_streamed(y, height * width, channels);
    tmdne_parallel(rows, work, tile == 2 ? output_of_2 : streams ? streamed_output_of_4 : output_of_4, &pass);
}

TMDNE_CLONES static void weights_of_4(const void *pass, size_t begin, size_t end) {
    transform_weights(4, 0, pass, begin, end);
}

TMDNE_CLONES static void weights_of_2(const void *pass, size_t begin, size_t end) {
    transform_weights(2, 0, pass, begin, end);
}

void tmdne_winograd_weights(
    size_t tile, const float *weights, float *u, size_t outputs, size_t inputs, int in_panels) {
    struct weights_pass pass = {weights, u, NULL, outputs, inputs, in_panels};
    size_t work = outputs * inputs * tmdne_winograd_points(tile);
    tmdne_parallel(outputs / LANES, work, tile == 4 ? weights_of_4 : weights_of_2, &pass);
}
