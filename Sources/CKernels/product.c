#include "CKernels.h"
#include "parallel.h"
#include "product.h"

// Products with weights in panels, blocked as by Goto and van de Geijn (2008): a slice of a panel stays in the first-level
// cache while the rows of a block, in the second-level cache, pass by it. A number is a sum over the inputs in slices of
// DEPTH, in order: rows, blocks and threads do not change it.

enum {
    ROWS = 6,     // of a register tile; see attention.c
    DEPTH = 320,  // inputs of a slice: 20 KiB of a panel; layers have multiples of it
    BLOCK = 192,  // most rows of a task: 240 KiB of a slice
    GROUP = 8,    // panels of a task
};
enum { WIDE_TILE = 4, NARROW_TILE = 1 };

size_t tmdne_panel_floats(size_t inputs, size_t outputs) { return panels_of(outputs) * inputs * LANES; }

struct packing {
    const float *weights;
    float *panels;
    size_t inputs, outputs;
};

TMDNE_CLONES static void pack(const void *context, size_t begin, size_t end) {
    const struct packing *p = context;
    for (size_t panel = begin; panel < end; panel++) {
        size_t first = panel * LANES, count = p->outputs - first < LANES ? p->outputs - first : LANES;
        const float *weights = p->weights + first * p->inputs;
        float *target = p->panels + panel * p->inputs * LANES;
        for (size_t i = 0; i < p->inputs; i++) {
            f32x16 row = {0};
            for (size_t lane = 0; lane < count; lane++) row[lane] = weights[lane * p->inputs + i];
            store16(target + i * LANES, &row);
        }
    }
}

void tmdne_pack_panels(const float *weights, float *panels, size_t inputs, size_t outputs) {
    struct packing p = {weights, panels, inputs, outputs};
    tmdne_parallel(panels_of(outputs), inputs * outputs, pack, &p);
}

// sum[ROWS][vectors] += a slice of the rows of `a` times one of neighbouring panels, `panel` floats apart.
TMDNE_INLINE void tile(
    size_t vectors, size_t depth, const float *const *a, const float *b, size_t panel, f32x16 sum[ROWS][WIDE_TILE]) {
#pragma clang loop unroll_count(4)
    for (size_t d = 0; d < depth; d++) {
        f32x16 column[WIDE_TILE];
        for (size_t v = 0; v < vectors; v++) load16(&column[v], b + v * panel + d * LANES);
        for (size_t r = 0; r < ROWS; r++) {
            f32x16 value = TMDNE_SPLAT(a[r][d]);
            for (size_t v = 0; v < vectors; v++) sum[r][v] += value * column[v];
        }
    }
}

TMDNE_INLINE void multiply_tile(
    size_t vectors, const struct product *m, const float *x, const float *panels, size_t rows, size_t first, size_t slice,
    size_t column) {
    const struct tmdne_product *p = m->p;
    // Rows beyond the last are computed from it once more, and not stored.
    const float *a[ROWS];
    for (size_t r = 0; r < ROWS; r++) a[r] = x + (r < rows ? r : rows - 1) * p->inputs + slice;
    size_t depth = p->inputs - slice < DEPTH ? p->inputs - slice : DEPTH, panel = p->inputs * LANES;
    f32x16 sum[ROWS][WIDE_TILE];
    for (size_t r = 0; r < ROWS; r++)
        for (size_t v = 0; v < vectors; v++) sum[r][v] = (f32x16){0};
    tile(vectors, depth, a, panels + slice * LANES, panel, sum);
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vectors; v++)
            settle(
                m, &sum[r][v], first + r * p->outputs + v * LANES, column + v * LANES, slice == 0,
                slice + depth == p->inputs);
}

TMDNE_INLINE void multiply(size_t widest, const struct product *m, size_t begin, size_t end) {
    const struct tmdne_product *p = m->p;
    for (size_t index = begin; index < end; index++) {
        struct task task = task_at(m, index);
        const float *x = (const float *)p->x + task.matrix * p->rows * p->inputs;
        const float *panels = (const float *)p->panels + task.matrix * m->panels * p->inputs * LANES;
        size_t origin = task.matrix * p->rows * p->outputs;
        for (size_t slice = 0; slice < p->inputs; slice += DEPTH) {
            for (size_t panel = task.first_panel; panel < task.last_panel;) {
                size_t vectors = task.last_panel - panel < widest ? 1 : widest, column = panel * LANES;
                const float *b = panels + panel * p->inputs * LANES;
                for (size_t row = task.top; row < task.bottom; row += ROWS) {
                    size_t rows = task.bottom - row < ROWS ? task.bottom - row : ROWS;
                    size_t first = origin + row * p->outputs + column;
                    const float *a = x + row * p->inputs;
                    if (vectors == WIDE_TILE) multiply_tile(WIDE_TILE, m, a, b, rows, first, slice, column);
                    else multiply_tile(1, m, a, b, rows, first, slice, column);
                }
                panel += vectors;
            }
        }
    }
    if (m->streams) end_streaming();
}

#if defined(__x86_64__)
__attribute__((target("arch=x86-64-v4"))) static void multiply_wide(const void *context, size_t begin, size_t end) {
    multiply(WIDE_TILE, context, begin, end);
}

__attribute__((target_clones("arch=x86-64-v3", "default"))) static void multiply_narrow(
    const void *context, size_t begin, size_t end) {
    multiply(NARROW_TILE, context, begin, end);
}
#else
static void multiply_narrow(const void *context, size_t begin, size_t end) {
    multiply(NARROW_TILE, context, begin, end);
}
#endif

void tmdne_multiply(const struct tmdne_product *p) {
    struct product m = cut(p, BLOCK, ROWS, GROUP);
    void (*body)(const void *, size_t, size_t) = multiply_narrow;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("x86-64-v4")) body = multiply_wide;
#endif
    tmdne_parallel(tasks_of(&m), p->matrices * p->rows * p->inputs * p->outputs / 64, body, &m);
}
