// What products in single precision and in bfloat16 share: how a task is cut, and what is done to a finished sum.
#pragma once
#include "CKernels.h"
#include "vector.h"

TMDNE_INLINE size_t panels_of(size_t outputs) { return (outputs + LANES - 1) / LANES; }

struct product {
    const struct tmdne_product *p;
    size_t panels, blocks, block_rows, groups, group_panels;
    int streams;
};

// The rows, panels and matrix of a task; neighbouring tasks share rows.
struct task {
    size_t matrix, top, bottom, first_panel, last_panel;
};

TMDNE_INLINE struct product cut(const struct tmdne_product *p, size_t most_rows, size_t tile_rows, size_t most_panels) {
    struct product m = {.p = p, .panels = panels_of(p->outputs), .group_panels = most_panels};
    m.blocks = (p->rows + most_rows - 1) / most_rows;
    m.block_rows = ((p->rows + m.blocks - 1) / m.blocks + tile_rows - 1) / tile_rows * tile_rows;
    m.blocks = (p->rows + m.block_rows - 1) / m.block_rows;
    m.groups = (m.panels + most_panels - 1) / most_panels;
    // Of several matrices, as transformed tiles are, the result is read at once. Sums of slices are read again, too, and not streamed.
    m.streams = p->matrices == 1 && is_streamed(p->y, p->rows, p->outputs);
    return m;
}

TMDNE_INLINE size_t tasks_of(const struct product *m) { return m->p->matrices * m->blocks * m->groups; }

TMDNE_INLINE struct task task_at(const struct product *m, size_t index) {
    size_t group = index % m->groups, block = index / m->groups % m->blocks;
    size_t bottom = (block + 1) * m->block_rows, last = (group + 1) * m->group_panels;
    return (struct task){
        .matrix = index / m->groups / m->blocks,
        .top = block * m->block_rows,
        .bottom = bottom < m->p->rows ? bottom : m->p->rows,
        .first_panel = group * m->group_panels,
        .last_panel = last < m->panels ? last : m->panels,
    };
}

// Bias, residual and activation of one vector of a row; `lanes` of it are in the result.
TMDNE_INLINE void finish(const struct tmdne_product *p, f32x16 *sum, size_t place, size_t column, size_t lanes) {
    f32x16 more;
    if (p->bias) {
        take16(&more, p->bias + column, lanes);
        *sum += more;
    }
    if (p->residual) {
        take16(&more, p->residual + place, lanes);
        *sum += more;
    }
    activate16(sum, p->activation);
}

// Adds a slice's sum of one vector of a row to those of the slices before, finishes it after the last, and stores it.
// `place` counts from the result's begin, `column` from the row's.
TMDNE_INLINE void settle(
    const struct product *m, f32x16 *sum, size_t place, size_t column, int is_first, int is_last) {
    const struct tmdne_product *p = m->p;
    size_t lanes = p->outputs - column < LANES ? p->outputs - column : LANES;
    float *y = (float *)p->y + place;
    if (!is_first) {
        f32x16 before;
        take16(&before, y, lanes);
        *sum = before + *sum;
    }
    if (is_last) finish(p, sum, place, column, lanes);
    if (is_first && is_last && m->streams) stream16(y, sum);
    else if (lanes == LANES) store16(y, sum);
    else memcpy(y, sum, lanes * sizeof(float));
}
