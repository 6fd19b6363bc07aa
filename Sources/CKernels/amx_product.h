// What products and convolutions on AMX share: the blocks of a task.
#pragma once
#include "amx.h"
#include "product.h"

enum {
    TASK_ROWS = 384,
    MOST_TAPS = 9,
};
#define NOWHERE ((size_t)-1)

// The rows of a task, and the panels that they meet. A row is that of a product, or a pixel of a convolution, whose inputs
// are those of several neighbours: of each tap.
struct factors {
    const uint16_t *rows, *panels;
    size_t stride, depth;    // numbers from a row to the next, and from a step's inputs to those of the next
    size_t taps[MOST_TAPS];  // numbers from a row to that of a tap
    size_t tap_count;
    size_t steps;  // of a tap's inputs
};

// How panels are shared out, so that there are some tasks for each thread however few rows there are.
struct sharing {
    size_t blocks, groups, group_panels;
};

// Rows of a task, so that `rows` of them are shared out in equal blocks of at most so many.
TMDNE_INLINE size_t equal_rows(size_t rows, size_t most) {
    size_t blocks = (rows + most - 1) / most;
    return ((rows + blocks - 1) / blocks + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS;
}

TMDNE_INLINE struct sharing share(size_t blocks, size_t panels) {
    size_t wanted = 4 * (size_t)omp_get_max_threads(), pairs = (panels + 1) / 2;
    size_t groups = (wanted + blocks - 1) / blocks;
    if (groups > pairs) groups = pairs;
    size_t group_panels = (pairs + groups - 1) / groups * 2;
    return (struct sharing){blocks, (panels + group_panels - 1) / group_panels, group_panels};
}

// The results of two panels that are whole and have no activation: nearly all. What stays the same is read once, since the
// compiler can't know that the stores leave it alone.
TMDNE_INLINE void finish_pairs(
    const struct tmdne_product *p, const float *sums, const size_t *places, size_t rows, size_t column, int streams) {
    f32x16 bias[2] = {{0}, {0}}, left, right, more;
    const float *residual = p->residual ? p->residual + column : NULL;
    uint16_t *narrow = p->narrow_y ? (uint16_t *)p->y + column : NULL;
    float *y = (float *)p->y + column;
    if (p->bias) {
        load16(&bias[0], p->bias + column);
        load16(&bias[1], p->bias + column + LANES);
    }
    for (size_t r = 0; r < rows; r++, sums += BLOCK_OUTPUTS) {
        size_t place = places[r];
        if (place == NOWHERE) continue;
        load16(&left, sums);
        load16(&right, sums + LANES);
        left += bias[0], right += bias[1];
        if (residual) {
            load16(&more, residual + place);
            left += more;
            load16(&more, residual + place + LANES);
            right += more;
        }
        if (narrow) {
            _mm512_storeu_si512(narrow + place, (__m512i)_mm512_cvtne2ps_pbh((__m512)right, (__m512)left));
        } else if (streams) {
            stream16(y + place, &left);
            stream16(y + place + LANES, &right);
        } else {
            store16(y + place, &left);
            store16(y + place + LANES, &right);
        }
    }
}

// Bias, residual and activation of the sums of two panels, or of one if there is one half.
TMDNE_INLINE void finish_rows(
    const struct tmdne_product *p, const float *sums, const size_t *places, size_t rows, size_t panel, size_t halves,
    int streams) {
    if (halves == 2 && (panel + 2) * LANES <= p->outputs && p->activation == TMDNE_IDENTITY)
        return finish_pairs(p, sums, places, rows, panel * LANES, streams);
    for (size_t r = 0; r < rows; r++) {
        if (places[r] == NOWHERE) continue;
        for (size_t half = 0; half < halves; half++) {
            f32x16 sum;
            size_t column = (panel + half) * LANES, left = p->outputs - column, lanes = left < LANES ? left : LANES;
            load16(&sum, sums + r * BLOCK_OUTPUTS + half * LANES);
            finish(p, &sum, places[r] + column, column, lanes);
            if (streams) stream16((float *)p->y + places[r] + column, &sum);
            else put16(p->y, places[r] + column, &sum, lanes, p->narrow_y);
        }
    }
}

// The sums of a panel of values, times the GELU of those of their gates beside them.
TMDNE_INLINE void finish_gated(
    const struct tmdne_product *p, const float *sums, const size_t *places, size_t rows, size_t column) {
    f32x16 bias[2] = {{0}, {0}};
    if (p->bias) {
        load16(&bias[0], p->bias + column);
        load16(&bias[1], p->bias + p->outputs / 2 + column);
    }
    for (size_t r = 0; r < rows; r++) {
        f32x16 value, gate;
        load16(&value, sums + r * BLOCK_OUTPUTS);
        load16(&gate, sums + r * BLOCK_OUTPUTS + LANES);
        value += bias[0], gate += bias[1];
        if (p->narrow_y) rough_gelu16(&gate);
        else gelu16(&gate);
        value *= gate;
        put16(p->y, places[r] + column, &value, LANES, p->narrow_y);
    }
}

// Adds the products of a block of rows with two panels, or with the left one where there is one half. The taps of a step follow
// each other, since those of neighbouring pixels read the same rows.
TMDNE_INLINE void add_block(
    const struct factors *f, const uint16_t *rows, const uint16_t *left, const uint16_t *right, int halves) {
    for (size_t step = 0; step < f->steps; step++) {
        for (size_t tap = 0; tap < f->tap_count; tap++) {
            size_t place = (tap * f->steps + step) * TILE_PANEL;
            add_products(
                rows + step * f->depth + f->taps[tap], f->stride, left + place, right + place, 2 * LANES, halves);
        }
    }
}

// Multiplies the `count` rows with the panels first ..< last; the result of row r begins at places[r], or is not wanted.
// Gated products have panels of values, which meet their gates' as well.
TMDNE_INLINE void multiply_rows(
    const struct tmdne_product *p, const struct factors *f, const size_t *places, size_t count, size_t first,
    size_t last, int streams) {
    float sums[BLOCK_ROWS * BLOCK_OUTPUTS] __attribute__((aligned(64)));
    size_t panel_numbers = f->tap_count * f->steps * TILE_PANEL;
    size_t step = p->gated ? 1 : 2, gates = p->outputs / 2 / LANES;
    for (size_t panel = first; panel < last; panel += step) {
        const uint16_t *left = f->panels + panel * panel_numbers;
        const uint16_t *right = left + (p->gated ? gates : 1) * panel_numbers;
        int halves = p->gated || panel + 1 < last ? 2 : 1;
        for (size_t top = 0; top < count; top += BLOCK_ROWS) {
            clear_sums();
            if (halves == 2) add_block(f, f->rows + top * f->stride, left, right, 2);
            else add_block(f, f->rows + top * f->stride, left, right, 1);
            store_sums(sums, BLOCK_OUTPUTS, halves);
            size_t rows = count - top < BLOCK_ROWS ? count - top : BLOCK_ROWS;
            if (p->gated) finish_gated(p, sums, places + top, rows, panel * LANES);
            else finish_rows(p, sums, places + top, rows, panel, halves, streams);
        }
    }
}
