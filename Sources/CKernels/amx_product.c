// Products in bfloat16 on AMX.
#if defined(__x86_64__)
#include "CKernels.h"
#include "parallel.h"

#include <immintrin.h>

#define TMDNE_NATIVE
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#include "amx_product.h"
#include "bfloat_dispatch.h"

enum {
    ROUNDED_NUMBERS = 4 << 20,  // of rows that are rounded before others are
    TASK_NUMBERS = 512 << 10,   // of a task's rows: 1 MiB, half of the second level of cache
};

struct rounded {
    struct tmdne_product p;
    struct sharing sharing;
    uint16_t *numbers;
    size_t task_rows;
    int streams;
};

TMDNE_INLINE size_t rounded_rows(size_t rows, size_t inputs) {
    size_t most = ROUNDED_NUMBERS / inputs / TASK_ROWS * TASK_ROWS;
    most = most < TASK_ROWS ? TASK_ROWS : most;
    return rows < most ? rows : most;
}

static void round_rows(const void *context, size_t begin, size_t end) {
    const struct rounded *r = context;
    size_t inputs = r->p.inputs;
    narrow_row(
        (const float *)r->p.x + begin * inputs, r->numbers + begin * inputs, (end - begin) * inputs,
        (end - begin) * inputs);
}

static void multiply_tasks(const void *context, size_t begin, size_t end) {
    const struct rounded *r = context;
    const struct tmdne_product *p = &r->p;
    size_t places[TASK_ROWS];
    set_tiles_up();
    for (size_t task = begin; task < end; task++) {
        // Neighbouring tasks share panels, which are more than rows where there are several groups of them.
        size_t top = task % r->sharing.blocks * r->task_rows, panel = task / r->sharing.blocks * r->sharing.group_panels;
        size_t count = p->rows - top < r->task_rows ? p->rows - top : r->task_rows;
        size_t last = panel + r->sharing.group_panels, outputs = p->gated ? p->outputs / 2 : p->outputs;
        size_t panels = panels_of(outputs);
        for (size_t row = 0; row < count; row++) places[row] = (top + row) * outputs;
        if (!p->narrow_x && r->sharing.groups == 1) round_rows(r, top, top + count);
        struct factors factors = {
            .rows = r->numbers + top * p->inputs, .panels = p->panels, .stride = p->inputs, .depth = TILE_DEPTH,
            .tap_count = 1, .steps = p->inputs / TILE_DEPTH};
        multiply_rows(p, &factors, places, count, panel, last < panels ? last : panels, r->streams);
    }
    if (r->streams) end_streaming();
    release_tiles();
}

size_t tmdne_bfloat_product_scratch_amx(size_t rows, size_t inputs) {
    return (rounded_rows(rows, inputs) + BLOCK_ROWS) * inputs / 2;
}

void tmdne_multiply_bfloats_amx(const struct tmdne_product *p) {
    size_t most = rounded_rows(p->rows, p->inputs), task_rows = TASK_NUMBERS / p->inputs / BLOCK_ROWS * BLOCK_ROWS;
    task_rows = task_rows < 2 * BLOCK_ROWS ? 2 * BLOCK_ROWS : task_rows > TASK_ROWS ? TASK_ROWS : task_rows;
    if (p->narrow_x) most = p->rows;
    size_t outputs = p->gated ? p->outputs / 2 : p->outputs;
    for (size_t first = 0; first < p->rows; first += most) {
        struct rounded r = {*p, {0}, p->narrow_x ? (uint16_t *)p->x : (uint16_t *)p->scratch, 0, 0};
        r.streams = !p->narrow_y && is_streamed(p->y, p->rows, p->outputs);
        r.p.rows = p->rows - first < most ? p->rows - first : most;
        r.p.x = (const float *)p->x + first * p->inputs;
        r.p.y = (char *)p->y + first * outputs * (p->narrow_y ? sizeof(uint16_t) : sizeof(float));
        if (p->residual) r.p.residual = p->residual + first * outputs;
        r.task_rows = equal_rows(r.p.rows, task_rows);
        r.sharing = share((r.p.rows + r.task_rows - 1) / r.task_rows, panels_of(outputs));
        size_t work = r.p.rows * p->inputs;
        if (!p->narrow_x && r.sharing.groups > 1) tmdne_parallel(r.p.rows, work, round_rows, &r);
        tmdne_parallel(r.sharing.blocks * r.sharing.groups, work * p->outputs / 64, multiply_tasks, &r);
    }
}
#pragma clang attribute pop
#endif
