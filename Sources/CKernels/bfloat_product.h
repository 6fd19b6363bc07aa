// Products in bfloat16, cut as in product.c: a template of bfloat_native.c, bfloat_wide.c and bfloat_plain.c.
#pragma once
#include "bfloat.h"
#include "bfloat_dispatch.h"
#include "product.h"

enum {
    PRODUCT_ROWS = 6,      // of a register tile; see attention.c
    PRODUCT_DEPTH = 640,   // inputs of a slice: 20 KiB of a panel; layers have multiples of it
    PRODUCT_BLOCK = 96,    // most rows of a task: 120 KiB of a slice, or twice as much where factors are floats
    PRODUCT_GROUP = 20,    // panels of a task, for which its rows are rounded once;
    PRODUCT_GROUPS = 3,    // where there are blocks enough for all threads, so many groups of them
    PRODUCT_BLOCKS = 64,   // as here
};

// The rows of a task, as pairs: `stride` apart.
struct pairs {
    const factor *first;
    size_t stride, count;
};

TMDNE_INLINE void multiply_tile(
    size_t vectors, const struct product *m, struct pairs a, const uint16_t *b, size_t panel, size_t rows,
    size_t first, size_t column, int is_first, int is_last) {
    f32x16 sum[PRODUCT_ROWS][WIDEST];
    const factor *row[PRODUCT_ROWS];
    for (size_t r = 0; r < PRODUCT_ROWS; r++) {
        // Rows beyond the last are computed from it once more, and not stored.
        row[r] = a.first + (r < rows ? r : rows - 1) * a.stride;
        for (size_t v = 0; v < vectors; v++) sum[r][v] = (f32x16){0};
    }
#pragma clang loop unroll_count(4)
    for (size_t d = 0; d < a.count; d++) {
        for (size_t turn = 0; turn < TURNS; turn++) {
            u32x16 columns[WIDEST];
            for (size_t v = 0; v < vectors; v++) column16(&columns[v], b + v * panel + d * 2 * LANES, turn);
            for (size_t r = 0; r < PRODUCT_ROWS; r++)
                for (size_t v = 0; v < vectors; v++) dot16(&sum[r][v], row[r] + 2 * d + turn, &columns[v]);
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vectors; v++)
            settle(m, &sum[r][v], first + r * m->p->outputs + v * LANES, column + v * LANES, is_first, is_last);
}

// A slice of `rows` rows from x[first] on: where they are, if they are pairs there, else in `rounded`.
TMDNE_INLINE struct pairs pairs_of(
    const struct tmdne_product *p, int is_narrow, size_t first, size_t rows, size_t depth, factor *rounded) {
    struct pairs a = {rounded, (depth + 1) / 2 * 2, (depth + 1) / 2};
#ifdef TMDNE_NATIVE
    if (is_narrow) return (struct pairs){(const uint16_t *)p->x + first, p->inputs, a.count};
#endif
    for (size_t r = 0; r < rows; r++) {
        size_t place = first + r * p->inputs;
        if (is_narrow) take_factors((const uint16_t *)p->x + place, rounded + r * a.stride, depth, a.stride);
        else round_row((const float *)p->x + place, rounded + r * a.stride, depth, a.stride);
    }
    return a;
}

TMDNE_INLINE void multiply(const struct product *m, int is_narrow, size_t begin, size_t end) {
    const struct tmdne_product *p = m->p;
    factor rounded[PRODUCT_BLOCK * PRODUCT_DEPTH] __attribute__((aligned(64)));
    size_t inputs = (p->inputs + 1) / 2 * 2, panel_numbers = inputs * LANES;
    for (size_t index = begin; index < end; index++) {
        struct task task = task_at(m, index);
        size_t top = (task.matrix * p->rows + task.top) * p->inputs, origin = task.matrix * p->rows * p->outputs;
        const uint16_t *panels = (const uint16_t *)p->panels + task.matrix * m->panels * panel_numbers;
        for (size_t slice = 0; slice < p->inputs; slice += PRODUCT_DEPTH) {
            size_t depth = p->inputs - slice < PRODUCT_DEPTH ? p->inputs - slice : PRODUCT_DEPTH;
            struct pairs a = pairs_of(p, is_narrow, top + slice, task.bottom - task.top, depth, rounded);
            for (size_t panel = task.first_panel; panel < task.last_panel;) {
                size_t vectors = task.last_panel - panel < WIDEST ? 1 : WIDEST, column = panel * LANES;
                const uint16_t *b = panels + panel * panel_numbers + slice * LANES;
                for (size_t r = 0; r < task.bottom - task.top; r += PRODUCT_ROWS) {
                    size_t left = task.bottom - task.top - r, rows = left < PRODUCT_ROWS ? left : PRODUCT_ROWS;
                    size_t first = origin + (task.top + r) * p->outputs + column;
                    struct pairs tile = {a.first + r * a.stride, a.stride, a.count};
                    int is_first = slice == 0, is_last = slice + depth == p->inputs;
                    if (vectors == WIDEST)
                        multiply_tile(WIDEST, m, tile, b, panel_numbers, rows, first, column, is_first, is_last);
                    else
                        multiply_tile(1, m, tile, b, panel_numbers, rows, first, column, is_first, is_last);
                }
                panel += vectors;
            }
        }
    }
    if (m->streams) end_streaming();
}

TMDNE_NUMBERS void multiply_floats(const void *product, size_t begin, size_t end) { multiply(product, 0, begin, end); }
TMDNE_NUMBERS void multiply_narrow(const void *product, size_t begin, size_t end) { multiply(product, 1, begin, end); }

void TMDNE_NAME(tmdne_multiply_bfloats)(const struct tmdne_product *p) {
    size_t group = p->rows < PRODUCT_BLOCK * PRODUCT_BLOCKS ? PRODUCT_GROUP : PRODUCT_GROUP * PRODUCT_GROUPS;
    struct product m = cut(p, PRODUCT_BLOCK, PRODUCT_ROWS, group);
    size_t work = p->matrices * p->rows * p->inputs * p->outputs / 64;
    tmdne_parallel(tasks_of(&m), work, p->narrow_x ? multiply_narrow : multiply_floats, &m);
}

// Sixteen outputs at a time, pairs of inputs side by side.
TMDNE_NUMBERS void pack_panels(const void *context, size_t begin, size_t end) {
    const struct bfloat_packing *p = context;
    size_t numbers = p->inputs * p->taps;
    for (size_t panel = begin; panel < end; panel++) {
        size_t first = panel * LANES, count = p->outputs - first < LANES ? p->outputs - first : LANES;
        const float *weights = p->weights + first * numbers;
        uint16_t *target = p->target + first * p->taps * ((p->inputs + 1) / 2 * 2);
        for (size_t tap = 0; tap < p->taps; tap++) {
            for (size_t i = 0; i < p->inputs; i += 2, target += 2 * LANES) {
                f32x16 rows[2] = {{0}, {0}};
                size_t halves = p->inputs - i < 2 ? 1 : 2;
                for (size_t lane = 0; lane < count; lane++)
                    for (size_t half = 0; half < halves; half++)
                        rows[half][lane] = weights[lane * numbers + (i + half) * p->taps + tap];
                narrow_pairs(target, &rows[0], &rows[1]);
            }
        }
    }
}

void TMDNE_NAME(tmdne_pack_bfloat_panels)(const struct bfloat_packing *p) {
    tmdne_parallel((p->outputs + LANES - 1) / LANES, p->inputs * p->taps * p->outputs, pack_panels, p);
}
