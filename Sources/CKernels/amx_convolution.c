// 3x3 convolutions in bfloat16 on AMX: at each tap a product of the pixels, whose rows are read where they lie in the picture.
//
// The picture is rounded into planes with a pixel of padding all around, a plane for each 32 of its channels, so that neighbouring
// pixels are a tile of 1 KiB in one piece. A result's pixel is counted through the rows of a plane, so that it lies as far from that
// of a tap wherever it is; the few that are counted in the padding are dropped.
#if defined(__x86_64__)
#include "CKernels.h"
#include "parallel.h"

#include <immintrin.h>

#define TMDNE_NATIVE
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#include "amx_product.h"
#include "bfloat_dispatch.h"

enum {
    PLANE_NUMBERS = 4 << 20,  // of planes that are in memory at once
    FILLED_VECTORS = 32,      // of channels that are prepared side by side
};

struct planes {
    const struct tmdne_convolution *c;
    struct tmdne_product p;  // bias, residual and result of the first image
    struct sharing sharing;
    uint16_t *numbers;
    size_t first_image, images, first, rows;  // rows of the result
    size_t plane_rows, plane_width, out_height, out_width;
    size_t image_blocks, task_rows;
    int streams;
};

TMDNE_INLINE size_t plane_rows_of(const struct tmdne_convolution *c, size_t rows) { return c->stride * (rows - 1) + 3; }

// Images, or rows of one image, that are computed at once.
TMDNE_INLINE struct planes planes_of(const struct tmdne_convolution *c) {
    struct planes p = {.c = c, .plane_width = c->width + 2};
    p.out_height = (c->height - 1) / c->stride + 1, p.out_width = (c->width - 1) / c->stride + 1;
    size_t row = p.plane_width * c->inputs, plane = plane_rows_of(c, p.out_height) * row;
    p.images = plane < PLANE_NUMBERS ? PLANE_NUMBERS / plane : 1;
    if (p.images > c->images) p.images = c->images;
    size_t most = PLANE_NUMBERS / row / c->stride;
    p.rows = plane <= PLANE_NUMBERS ? p.out_height : most < 4 ? 4 : most;
    if (p.rows > p.out_height) p.rows = p.out_height;
    return p;
}

// Numbers of a plane.
TMDNE_INLINE size_t plane_numbers(const struct planes *p) { return p->plane_rows * p->plane_width * TILE_DEPTH; }

// One row of an image's planes.
TMDNE_INLINE void fill_row(const struct planes *p, size_t image, size_t row) {
    const struct tmdne_convolution *c = p->c;
    size_t plane = plane_numbers(p), end = c->inputs / TILE_DEPTH * plane;
    uint16_t *y = p->numbers + image * end + row * p->plane_width * TILE_DEPTH;
    // Unsigned, so that what lies before the first is beyond the last.
    size_t source = p->first * c->stride + row - 1, line = c->width * c->inputs, factor = c->doubled ? 2 : 1;
    if (source >= c->height) {
        for (size_t i = 0; i < end; i += plane) memset(y + i, 0, p->plane_width * TILE_DEPTH * sizeof(uint16_t));
        return;
    }
    for (size_t i = 0; i < end; i += plane) {
        memset(y + i, 0, TILE_DEPTH * sizeof(uint16_t));
        memset(y + i + (c->width + 1) * TILE_DEPTH, 0, TILE_DEPTH * sizeof(uint16_t));
    }
    y += TILE_DEPTH, image += p->first_image;
    const float *x = c->x + (image * c->height / factor + source / factor) * line / factor;
    const double *factors = c->statistics ? c->statistics + image * 2 * c->inputs : NULL;
    for (size_t first = 0; first < c->inputs; first += FILLED_VECTORS * LANES) {
        size_t left = c->inputs - first, channels = left < FILLED_VECTORS * LANES ? left : FILLED_VECTORS * LANES;
        f32x16 scales[FILLED_VECTORS], offsets[FILLED_VECTORS];
        for (size_t i = 0; factors && i < channels; i++) {
            scales[i / LANES][i % LANES] = (float)factors[first + i];
            offsets[i / LANES][i % LANES] = (float)factors[c->inputs + first + i];
        }
        // Pixel by pixel, as they lie in memory.
        for (size_t pixel = 0; pixel < c->width; pixel++) {
            for (size_t i = 0; i < channels; i += LANES) {
                f32x16 v;
                load16(&v, x + pixel / factor * c->inputs + first + i);
                if (factors) v = v * scales[i / LANES] + offsets[i / LANES];
                if (c->silu) rough_swish16(&v);
                narrow16(y + (first + i) / TILE_DEPTH * plane + pixel * TILE_DEPTH + i % TILE_DEPTH, &v);
            }
        }
    }
}

static void fill_rows(const void *context, size_t begin, size_t end) {
    const struct planes *p = context;
    for (size_t index = begin; index < end; index++) fill_row(p, index / p->plane_rows, index % p->plane_rows);
}

static void convolve_tasks(const void *context, size_t begin, size_t end) {
    const struct planes *p = context;
    const struct tmdne_convolution *c = p->c;
    size_t places[TASK_ROWS], positions = p->rows * p->plane_width, panels = panels_of(c->outputs);
    struct factors factors = {
        .panels = c->panels, .stride = c->stride * TILE_DEPTH, .depth = plane_numbers(p), .tap_count = 9,
        .steps = c->inputs / TILE_DEPTH};
    for (size_t tap = 0; tap < 9; tap++) factors.taps[tap] = (tap / 3 * p->plane_width + tap % 3) * TILE_DEPTH;
    set_tiles_up();
    for (size_t task = begin; task < end; task++) {
        size_t block = task % p->sharing.blocks, panel = task / p->sharing.blocks * p->sharing.group_panels;
        size_t image = block / p->image_blocks, top = block % p->image_blocks * p->task_rows;
        size_t count = positions - top < p->task_rows ? positions - top : p->task_rows, last = panel + p->sharing.group_panels;
        size_t origin = (p->first_image + image) * p->out_height + p->first;
        for (size_t i = 0; i < count; i++) {
            size_t row = (top + i) / p->plane_width, column = (top + i) % p->plane_width;
            places[i] = column < p->out_width ? ((origin + row) * p->out_width + column) * c->outputs : NOWHERE;
        }
        factors.rows = p->numbers + image * factors.steps * factors.depth + top * factors.stride;
        multiply_rows(&p->p, &factors, places, count, panel, last < panels ? last : panels, p->streams);
    }
    if (p->streams) end_streaming();
    release_tiles();
}

size_t tmdne_bfloat_convolution_scratch_amx(const struct tmdne_convolution *c) {
    struct planes p = planes_of(c);
    // What is counted beyond the last row of the last plane is read, too.
    size_t beyond = 2 * p.plane_width + 2 + 2 * BLOCK_ROWS;
    return (p.images * plane_rows_of(c, p.rows) * p.plane_width + beyond) * c->inputs / 2;
}

void tmdne_convolve_bfloats_amx(const struct tmdne_convolution *c) {
    struct planes p = planes_of(c);
    size_t images = p.images, rows = p.rows;
    p.p = (struct tmdne_product){
        .bias = c->bias, .residual = c->residual, .y = c->y, .outputs = c->outputs, .activation = TMDNE_IDENTITY};
    p.numbers = (uint16_t *)c->scratch;
    p.streams = is_streamed(c->y, c->images * p.out_height * p.out_width, c->outputs);
    for (p.first_image = 0; p.first_image < c->images; p.first_image += images) {
        p.images = c->images - p.first_image < images ? c->images - p.first_image : images;
        for (p.first = 0; p.first < p.out_height; p.first += rows) {
            p.rows = p.out_height - p.first < rows ? p.out_height - p.first : rows;
            p.plane_rows = plane_rows_of(c, p.rows);
            p.task_rows = equal_rows(p.rows * p.plane_width, TASK_ROWS);
            p.image_blocks = (p.rows * p.plane_width + p.task_rows - 1) / p.task_rows;
            p.sharing = share(p.images * p.image_blocks, panels_of(c->outputs));
            size_t numbers = p.images * p.plane_rows * p.plane_width * c->inputs;
            tmdne_parallel(p.images * p.plane_rows, numbers, fill_rows, &p);
            tmdne_parallel(p.sharing.blocks * p.sharing.groups, numbers * c->outputs / 8, convolve_tasks, &p);
        }
    }
}
#pragma clang attribute pop
#endif
