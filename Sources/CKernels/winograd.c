#include "CKernels.h"
#include "parallel.h"
#include "vector.h"

// F(4x4, 3x3) of Lavin and Gray (2016), equation 4 and the matrices of their section 4: interpolation at 0, ±1, ±2 and infinity.

enum { OUTPUT = 4, INPUT = 6, POINTS = INPUT * INPUT };

struct input_pass {
    const float *x;
    float *v;
    size_t height, width, channels, down, across, first, rows;
};

// The rows of B^T applied to six values.
TMDNE_INLINE void input_line(const f32x16 *d, size_t step, f32x16 *v) {
    f32x16 d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    f32x16 even = d4 - d2 * 4.0f, odd = d3 - d1 * 4.0f, outer = d4 - d2, inner = (d3 - d1) * 2.0f;
    v[0] = d0 * 4.0f - d2 * 5.0f + d4;
    v[step] = even + odd;
    v[2 * step] = even - odd;
    v[3 * step] = outer + inner;
    v[4 * step] = outer - inner;
    v[5 * step] = d1 * 4.0f - d3 * 5.0f + d5;
}

TMDNE_CLONES static void transform_input(const void *context, size_t begin, size_t end) {
    const struct input_pass *p = context;
    size_t tiles = p->down * p->across, plane = p->rows * p->channels;
    for (size_t row = begin; row < end; row++) {
        size_t tile = p->first + row, image = tile / tiles, top = tile % tiles / p->across * OUTPUT,
               left = tile % p->across * OUTPUT;
        const float *x = p->x + image * p->height * p->width * p->channels;
        float *v = p->v + row * p->channels;
        for (size_t c = 0; c < p->channels; c += 16) {
            f32x16 d[POINTS], half[POINTS];
            for (size_t i = 0; i < INPUT; i++) {
                for (size_t j = 0; j < INPUT; j++) {
                    // One beyond each edge is padding; unsigned, so that what lies before the first is beyond too.
                    size_t h = top + i - 1, w = left + j - 1;
                    if (h < p->height && w < p->width)
                        load16(&d[i * INPUT + j], x + (h * p->width + w) * p->channels + c);
                    else
                        d[i * INPUT + j] = (f32x16){0};
                }
            }
            for (size_t j = 0; j < INPUT; j++) input_line(d + j, INPUT, half + j);
            for (size_t i = 0; i < INPUT; i++) {
                input_line(half + i * INPUT, 1, d + i * INPUT);
                for (size_t j = 0; j < INPUT; j++) store16(v + (i * INPUT + j) * plane + c, &d[i * INPUT + j]);
            }
        }
    }
}

struct output_pass {
    const float *m, *bias, *residual;
    float *y;
    size_t height, width, channels, down, across, first, rows;
};

// The rows of A^T applied to six values.
TMDNE_INLINE void output_line(const f32x16 *m, size_t step, f32x16 *y, size_t y_step) {
    f32x16 sum1 = m[step] + m[2 * step], difference1 = m[step] - m[2 * step];
    f32x16 sum2 = m[3 * step] + m[4 * step], difference2 = m[3 * step] - m[4 * step];
    y[0] = m[0] + sum1 + sum2;
    y[y_step] = difference1 + difference2 * 2.0f;
    y[2 * y_step] = sum1 + sum2 * 4.0f;
    y[3 * y_step] = difference1 + difference2 * 8.0f + m[5 * step];
}

TMDNE_CLONES static void transform_output(const void *context, size_t begin, size_t end) {
    const struct output_pass *p = context;
    size_t tiles = p->down * p->across, plane = p->rows * p->channels;
    for (size_t row = begin; row < end; row++) {
        size_t tile = p->first + row, image = tile / tiles, top = tile % tiles / p->across * OUTPUT,
               left = tile % p->across * OUTPUT;
        size_t origin = image * p->height * p->width * p->channels;
        const float *m = p->m + row * p->channels;
        for (size_t c = 0; c < p->channels; c += 16) {
            f32x16 points[POINTS], half[OUTPUT * INPUT], y[OUTPUT * OUTPUT], bias;
            load16(&bias, p->bias + c);
            for (size_t i = 0; i < POINTS; i++) load16(&points[i], m + i * plane + c);
            for (size_t j = 0; j < INPUT; j++) output_line(points + j, INPUT, half + j, INPUT);
            for (size_t i = 0; i < OUTPUT; i++) {
                output_line(half + i * INPUT, 1, y + i * OUTPUT, 1);
                for (size_t j = 0; j < OUTPUT; j++) {
                    size_t h = top + i, w = left + j, place = origin + (h * p->width + w) * p->channels + c;
                    if (h >= p->height || w >= p->width) continue;
                    f32x16 value = y[i * OUTPUT + j] + bias;
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

size_t tmdne_winograd_points(void) { return POINTS; }

size_t tmdne_winograd_tiles(size_t images, size_t height, size_t width) {
    return images * ((height + OUTPUT - 1) / OUTPUT) * ((width + OUTPUT - 1) / OUTPUT);
}

void tmdne_winograd_input(
    const float *x, float *v, size_t height, size_t width, size_t channels, size_t first, size_t rows) {
    struct input_pass pass = {
        x, v, height, width, channels, (height + OUTPUT - 1) / OUTPUT, (width + OUTPUT - 1) / OUTPUT, first, rows};
    tmdne_parallel(rows, rows * channels * POINTS, transform_input, &pass);
}

void tmdne_winograd_output(
    const float *m, const float *bias, const float *residual, float *y, size_t height, size_t width, size_t channels,
    size_t first, size_t rows) {
    struct output_pass pass = {
        m,     bias, residual, y, height, width, channels, (height + OUTPUT - 1) / OUTPUT, (width + OUTPUT - 1) / OUTPUT,
        first, rows};
    tmdne_parallel(rows, rows * channels * POINTS, transform_output, &pass);
}

struct weights_pass {
    const float *weights;
    float *u;
    size_t outputs, inputs;
    int in_panels;
};

// The rows of G applied to three values.
TMDNE_INLINE void weights_line(const f32x16 *w, size_t step, f32x16 *u, size_t u_step) {
    f32x16 ends = w[0] + w[2 * step], far = w[0] * (1.0f / 24) + w[2 * step] * (1.0f / 6), middle = w[step] * (1.0f / 12);
    u[0] = w[0] * 0.25f;
    u[u_step] = (ends + w[step]) * (-1.0f / 6);
    u[2 * u_step] = (ends - w[step]) * (-1.0f / 6);
    u[3 * u_step] = far + middle;
    u[4 * u_step] = far - middle;
    u[5 * u_step] = w[2 * step];
}

// Sixteen outputs at a time.
TMDNE_CLONES static void transform_weights(const void *context, size_t begin, size_t end) {
    const struct weights_pass *p = context;
    size_t plane = p->inputs * p->outputs, step = p->in_panels ? 16 : p->outputs;
    for (size_t block = begin; block < end; block++) {
        float *u = p->u + block * 16 * (p->in_panels ? p->inputs : 1);
        for (size_t i = 0; i < p->inputs; i++) {
            f32x16 w[9], half[INPUT * 3], line[INPUT];
            for (size_t lane = 0; lane < 16; lane++) {
                const float *source = p->weights + ((block * 16 + lane) * p->inputs + i) * 9;
                for (size_t k = 0; k < 9; k++) w[k][lane] = source[k];
            }
            for (size_t b = 0; b < 3; b++) weights_line(w + b, 3, half + b, 3);
            for (size_t a = 0; a < INPUT; a++) {
                weights_line(half + a * 3, 1, line, 1);
                for (size_t b = 0; b < INPUT; b++) store16(u + (a * INPUT + b) * plane + i * step, &line[b]);
            }
        }
    }
}

void tmdne_winograd_weights(const float *weights, float *u, size_t outputs, size_t inputs, int in_panels) {
    struct weights_pass pass = {weights, u, outputs, inputs, in_panels};
    tmdne_parallel(outputs / 16, outputs * inputs * POINTS, transform_weights, &pass);
}
