#include "CKernels.h"
#include "bfloat.h"
#include "parallel.h"

#include <math.h>

// Group norm in three passes: sums over pieces of an image, statistics of a group, and the result as x * factor + offset.
// The pieces depend on the size of one image alone, and their sums are added in order, so that the result does too.

// Vectors that are summed side by side: more do not fit the registers of AVX2, and are no faster.
enum { SUMMED = 2 };
// Channels whose factors and offsets are at hand as floats.
enum { APPLIED = 512 };

static size_t piece_pixels(size_t channels) {
    size_t pixels = 16384 / channels;
    return pixels < 16 ? 16 : pixels;
}

static size_t piece_count(size_t pixels, size_t channels) {
    size_t piece = piece_pixels(channels);
    return (pixels + piece - 1) / piece;
}

size_t tmdne_group_norm_scratch(size_t images, size_t pixels, size_t channels, size_t groups) {
    (void)groups;
    // Two sums a channel of each piece, then factor and offset of each channel of an image.
    return images * (piece_count(pixels, channels) + 1) * 2 * channels;
}

struct group_norm {
    const float *x, *shift, *scale, *bias;
    void *y;
    double *sums, *affine;
    size_t shift_rows, pixels, channels, groups, pieces;
    float epsilon;
    int silu, is_narrow;
};

// Sums of neighbouring channels over some pixels, about the first pixel's value: variance from plain squares would lose digits where
// the mean is large. One of several vectors has all lanes.
TMDNE_INLINE void sum_channels(
    const float *x, const float *first, size_t pixels, size_t channels, size_t vectors, size_t lanes, double *sums) {
    f32x16 pivot[SUMMED], sum[SUMMED], squares[SUMMED];
    for (size_t v = 0; v < vectors; v++) {
        take16(&pivot[v], first + v * LANES, lanes);
        sum[v] = squares[v] = (f32x16){0};
    }
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        for (size_t v = 0; v < vectors; v++) {
            f32x16 value;
            take16(&value, x + pixel * channels + v * LANES, lanes);
            value -= pivot[v];
            sum[v] += value;
            squares[v] += value * value;
        }
    }
    for (size_t v = 0; v < vectors; v++) {
        for (size_t lane = 0; lane < lanes; lane++) {
            sums[v * LANES + lane] = sum[v][lane];
            sums[channels + v * LANES + lane] = squares[v][lane];
        }
    }
}

TMDNE_CLONES static void sum_pieces(const void *context, size_t begin, size_t end) {
    const struct group_norm *g = context;
    size_t channels = g->channels, step = piece_pixels(channels);
    for (size_t piece = begin; piece < end; piece++) {
        size_t image = piece / g->pieces, first = piece % g->pieces * step;
        size_t pixels = first + step < g->pixels ? step : g->pixels - first;
        const float *pivot = g->x + image * g->pixels * channels, *x = pivot + first * channels;
        double *sums = g->sums + piece * 2 * channels;
        size_t c = 0;
        for (; c + SUMMED * LANES <= channels; c += SUMMED * LANES)
            sum_channels(x + c, pivot + c, pixels, channels, SUMMED, LANES, sums + c);
        for (; c + LANES <= channels; c += LANES)
            sum_channels(x + c, pivot + c, pixels, channels, 1, LANES, sums + c);
        if (c < channels) sum_channels(x + c, pivot + c, pixels, channels, 1, channels - c, sums + c);
    }
}

static void finish_image(const struct group_norm *g, size_t image) {
    size_t channels = g->channels, width = channels / g->groups;
    const float *pivot = g->x + image * g->pixels * channels;
    const float *shift = g->shift ? g->shift + (g->shift_rows == 1 ? 0 : image * channels) : NULL;
    double *totals = g->sums + image * g->pieces * 2 * channels;
    double *factor = g->affine + image * 2 * channels, *offset = factor + channels;
    for (size_t piece = 1; piece < g->pieces; piece++)
        for (size_t c = 0; c < 2 * channels; c++) totals[c] += totals[piece * 2 * channels + c];
    double pixels = (double)g->pixels;
    for (size_t group = 0; group < g->groups; group++) {
        size_t first = group * width;
        double mean = 0;
        for (size_t c = first; c < first + width; c++)
            mean += totals[c] / pixels + pivot[c] + (shift ? shift[c] : 0);
        mean /= (double)width;
        double variance = 0;
        for (size_t c = first; c < first + width; c++) {
            double from_mean = pivot[c] + (shift ? shift[c] : 0) - mean;
            variance += totals[channels + c] + 2 * from_mean * totals[c] + pixels * from_mean * from_mean;
        }
        variance /= pixels * (double)width;
        double inverse = 1 / sqrt((variance > 0 ? variance : 0) + g->epsilon);
        for (size_t c = first; c < first + width; c++) {
            factor[c] = inverse * g->scale[c];
            offset[c] = g->bias[c] + ((shift ? shift[c] : 0) - mean) * factor[c];
        }
    }
}

TMDNE_INLINE void apply_vector(
    const struct group_norm *g, size_t place, size_t lanes, const float *factors, const float *offsets) {
    f32x16 v, factor, offset;
    take16(&v, g->x + place, lanes);
    take16(&factor, factors, lanes);
    take16(&offset, offsets, lanes);
    v = v * factor + offset;
    if (g->silu) swish16(&v, 1.0f);
    put16(g->y, place, &v, lanes, g->is_narrow);
}

// Pixel by pixel, as they lie in memory: channel by channel takes half as long again.
TMDNE_CLONES static void apply_pieces(const void *context, size_t begin, size_t end) {
    const struct group_norm *g = context;
    size_t channels = g->channels, step = piece_pixels(channels);
    for (size_t piece = begin; piece < end; piece++) {
        size_t image = piece / g->pieces, first = piece % g->pieces * step;
        size_t last = first + step < g->pixels ? first + step : g->pixels;
        const double *affine = g->affine + image * 2 * channels;
        for (size_t from = 0; from < channels; from += APPLIED) {
            size_t count = channels - from < APPLIED ? channels - from : APPLIED;
            float factors[APPLIED], offsets[APPLIED];
            for (size_t c = 0; c < count; c++) {
                factors[c] = (float)affine[from + c];
                offsets[c] = (float)affine[channels + from + c];
            }
            for (size_t pixel = first; pixel < last; pixel++) {
                size_t place = (image * g->pixels + pixel) * channels + from, c = 0;
                for (; c + LANES <= count; c += LANES) apply_vector(g, place + c, LANES, factors + c, offsets + c);
                if (c < count) apply_vector(g, place + c, count - c, factors + c, offsets + c);
            }
        }
    }
}

static void finish_images(const void *context, size_t begin, size_t end) {
    for (size_t image = begin; image < end; image++) finish_image(context, image);
}

const double *tmdne_group_statistics(
    const float *x, const float *shift, size_t shift_rows, const float *scale, const float *bias, double *scratch,
    size_t images, size_t pixels, size_t channels, size_t groups, float epsilon) {
    size_t pieces = piece_count(pixels, channels);
    struct group_norm g = {
        .x = x, .shift = shift, .scale = scale, .bias = bias,
        .sums = scratch, .affine = scratch + images * pieces * 2 * channels,
        .shift_rows = shift_rows, .pixels = pixels, .channels = channels, .groups = groups, .pieces = pieces,
        .epsilon = epsilon,
    };
    tmdne_parallel(images * pieces, images * pixels * channels, sum_pieces, &g);
    tmdne_parallel(images, images * pieces * channels * 2, finish_images, &g);
    return g.affine;
}

void tmdne_group_apply(
    const float *x, const double *statistics, void *y, size_t images, size_t pixels, size_t channels,
    enum tmdne_activation activation, int is_narrow) {
    size_t pieces = piece_count(pixels, channels);
    // The statistics are only read.
    struct group_norm g = {
        .x = x, .y = y, .affine = (double *)statistics, .pixels = pixels, .channels = channels, .pieces = pieces,
        .silu = activation == TMDNE_SILU, .is_narrow = is_narrow,
    };
    tmdne_parallel(images * pieces, images * pixels * channels * 2, apply_pieces, &g);
}

struct layer_norm {
    const float *x, *scale, *bias;
    void *y;
    size_t channels;
    float epsilon;
    int is_narrow;
};

TMDNE_CLONES static void layer_norm_rows(const void *context, size_t begin, size_t end) {
    const struct layer_norm *n = context;
    size_t channels = n->channels, whole = channels / 16 * 16, rest = (channels - whole) * sizeof(float);
    for (size_t row = begin; row < end; row++) {
        const float *x = n->x + row * channels;
        f32x16 sum = {0}, squares = {0};
        for (size_t c = 0; c < whole; c += 16) {
            f32x16 v;
            load16(&v, x + c);
            sum += v;
        }
        if (rest) {
            f32x16 v = {0};
            memcpy(&v, x + whole, rest);
            sum += v;
        }
        float mean = lane_sum(&sum) / (float)channels;
        for (size_t c = 0; c < whole; c += 16) {
            f32x16 v;
            load16(&v, x + c);
            v -= mean;
            squares += v * v;
        }
        if (rest) {
            f32x16 v = TMDNE_SPLAT(mean);
            memcpy(&v, x + whole, rest);
            v -= mean;
            squares += v * v;
        }
        float inverse = 1 / sqrtf(lane_sum(&squares) / (float)channels + n->epsilon);
        for (size_t c = 0; c < channels; c += 16) {
            size_t lanes = c < whole ? LANES : channels - whole;
            f32x16 v, scale, bias;
            take16(&v, x + c, lanes);
            take16(&scale, n->scale + c, lanes);
            take16(&bias, n->bias + c, lanes);
            v = (v - mean) * inverse * scale + bias;
            put16(n->y, row * channels + c, &v, lanes, n->is_narrow);
        }
    }
}

void tmdne_layer_norm(
    const float *x, const float *scale, const float *bias, void *y, size_t rows, size_t channels, float epsilon,
    int is_narrow) {
    struct layer_norm n = {x, scale, bias, y, channels, epsilon, is_narrow};
    tmdne_parallel(rows, rows * channels * 3, layer_norm_rows, &n);
}
