#include "CKernels.h"
#include "bfloat.h"
#include "parallel.h"

int tmdne_thread_count(void) { return omp_get_max_threads(); }
void tmdne_use_threads(int count) { omp_set_num_threads(count); }

struct activate {
    const float *x;
    float *y;
    enum tmdne_activation activation;
};

TMDNE_CLONES static void activate_range(const void *context, size_t begin, size_t end) {
    const struct activate *a = context;
    size_t i = begin;
    for (; i + 16 <= end; i += 16) {
        f32x16 v;
        load16(&v, a->x + i);
        activate16(&v, a->activation);
        store16(a->y + i, &v);
    }
    if (i < end) {
        f32x16 v = {0};
        memcpy(&v, a->x + i, (end - i) * sizeof(float));
        activate16(&v, a->activation);
        memcpy(a->y + i, &v, (end - i) * sizeof(float));
    }
}

void tmdne_activate(const float *x, float *y, size_t count, enum tmdne_activation activation) {
    struct activate a = {x, y, activation};
    tmdne_parallel(count, count * 4, activate_range, &a);
}

struct gate {
    const float *x;
    void *y;
    size_t inner;
    int is_narrow;
};

TMDNE_CLONES static void gate_rows(const void *context, size_t begin, size_t end) {
    const struct gate *g = context;
    for (size_t row = begin; row < end; row++) {
        const float *value = g->x + row * 2 * g->inner, *gate = value + g->inner;
        for (size_t i = 0; i < g->inner; i += LANES) {
            size_t lanes = g->inner - i < LANES ? g->inner - i : LANES;
            f32x16 a, b;
            take16(&a, value + i, lanes);
            take16(&b, gate + i, lanes);
            gelu16(&b);
            a *= b;
            put16(g->y, row * g->inner + i, &a, lanes, g->is_narrow);
        }
    }
}

void tmdne_gated_gelu(const float *x, void *y, size_t rows, size_t inner, int is_narrow) {
    struct gate g = {x, y, inner, is_narrow};
    tmdne_parallel(rows, rows * inner * 4, gate_rows, &g);
}

struct resize {
    const float *x;
    float *y;
    size_t height, width, out_height, out_width, channels;
};

static void resize_rows(const void *context, size_t begin, size_t end) {
    const struct resize *r = context;
    for (size_t row = begin; row < end; row++) {
        size_t image = row / r->out_height, source_row = row % r->out_height * r->height / r->out_height;
        const float *source = r->x + (image * r->height + source_row) * r->width * r->channels;
        float *target = r->y + row * r->out_width * r->channels;
        for (size_t column = 0; column < r->out_width; column++)
            memcpy(
                target + column * r->channels, source + column * r->width / r->out_width * r->channels,
                r->channels * sizeof(float));
    }
}

void tmdne_resize_nearest(
    const float *x, float *y, size_t images, size_t height, size_t width, size_t out_height, size_t out_width,
    size_t channels) {
    struct resize r = {x, y, height, width, out_height, out_width, channels};
    tmdne_parallel(images * out_height, images * out_height * out_width * channels, resize_rows, &r);
}

struct concatenate {
    const float *a, *b;
    float *y;
    size_t a_channels, b_channels;
};

static void concatenate_rows(const void *context, size_t begin, size_t end) {
    const struct concatenate *c = context;
    for (size_t row = begin; row < end; row++) {
        float *y = c->y + row * (c->a_channels + c->b_channels);
        memcpy(y, c->a + row * c->a_channels, c->a_channels * sizeof(float));
        memcpy(y + c->a_channels, c->b + row * c->b_channels, c->b_channels * sizeof(float));
    }
}

void tmdne_concatenate(const float *a, size_t a_channels, const float *b, size_t b_channels, float *y, size_t rows) {
    struct concatenate c = {a, b, y, a_channels, b_channels};
    tmdne_parallel(rows, rows * (a_channels + b_channels), concatenate_rows, &c);
}
