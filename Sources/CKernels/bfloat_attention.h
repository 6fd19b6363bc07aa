// Attention in bfloat16, as in attention.c but that scores are powers of two: a template of bfloat_native.c,
// bfloat_wide.c and bfloat_plain.c.
#pragma once
#include "bfloat.h"
#include "bfloat_dispatch.h"

// The score of what is hidden: 2 to the power of it is 0 or 1e-38, and it is still a number to count with.
#define HIDDEN -1e30f

enum {
    QUERY_ROWS = 6,
    QUERIES = 48,  // of a task
    KEYS = 256,    // of an online softmax step
    WIDTH = 512,   // widest head
};

struct packed {
    const struct tmdne_attention *a;
    uint16_t *numbers;
    size_t key_panels, pairs, padded_width, head_numbers;
};

TMDNE_INLINE struct packed packing_of(const struct tmdne_attention *a) {
    struct packed p = {a, (uint16_t *)a->scratch, (a->keys + LANES - 1) / LANES, (a->width + 1) / 2, 0, 0};
    p.padded_width = (a->width + LANES - 1) / LANES * LANES;
    p.head_numbers = tmdne_bfloat_head(a->width, a->keys);
    return p;
}

// `count` numbers of x from `place` on, rounded unless they are, and zeros up to `padded`.
TMDNE_INLINE void take_row(
    const void *x, size_t place, int is_narrow, uint16_t *row, size_t count, size_t padded) {
    if (!is_narrow) return narrow_row((const float *)x + place, row, count, padded);
    memcpy(row, (const uint16_t *)x + place, count * sizeof(uint16_t));
    memset(row + count, 0, (padded - count) * sizeof(uint16_t));
}

TMDNE_INLINE void take_query(const struct tmdne_attention *a, size_t place, factor *query, size_t padded) {
    if (a->narrow_q) take_factors((const uint16_t *)a->q + place, query, a->width, padded);
    else round_row((const float *)a->q + place, query, a->width, padded);
}

// Keys as [keys / 16][pairs of channels][16][2], values as [pairs of keys][width][2]; zeros where there are none.
TMDNE_NUMBERS void pack_heads(const void *context, size_t begin, size_t end) {
    const struct packed *p = context;
    const struct tmdne_attention *a = p->a;
    uint16_t row[WIDTH], values_of[2][WIDTH];
    for (size_t head = begin; head < end; head++) {
        size_t offset = head / a->heads * a->keys * a->kv_stride + head % a->heads * a->width;
        uint16_t *keys = p->numbers + head * p->head_numbers, *values = keys + p->key_panels * p->pairs * 2 * LANES;
        memset(keys + (p->key_panels - 1) * p->pairs * 2 * LANES, 0, p->pairs * 2 * LANES * sizeof(uint16_t));
        for (size_t key = 0; key < a->keys; key++) {
            take_row(a->k, offset + key * a->kv_stride, a->narrow_kv, row, a->width, 2 * p->pairs);
            uint16_t *panel = keys + key / LANES * p->pairs * 2 * LANES + key % LANES * 2;
            for (size_t d = 0; d < p->pairs; d++) memcpy(panel + d * 2 * LANES, row + 2 * d, 2 * sizeof(uint16_t));
            take_row(a->v, offset + key * a->kv_stride, a->narrow_kv, values_of[key % 2], a->width, p->padded_width);
            if (key + 1 == a->keys && key % 2 == 0) memset(values_of[1], 0, sizeof values_of[1]);
            else if (key % 2 == 0) continue;
            uint16_t *pairs = values + key / 2 * p->padded_width * 2;
            for (size_t d = 0; d < p->padded_width; d += LANES)
                interleave16(pairs + 2 * d, values_of[0] + d, values_of[1] + d);
        }
    }
}

// The right-hand side of a product: vector v of the pairs d stands at first + v * panel + d * row.
struct columns {
    const uint16_t *first;
    size_t row, panel;
};

// c[QUERY_ROWS][16 vectors + 8 halves] = a[QUERY_ROWS][pairs] b, or += it; `vectors`, `halves`, which is 0 or 1, and `is_adding`
// are constants after inlining.
TMDNE_INLINE void meet_tile(
    size_t vectors, size_t halves, int is_adding, size_t pairs, const factor *a, size_t a_stride, const struct columns *b,
    float *c, size_t c_stride) {
    f32x16 sum[QUERY_ROWS][WIDEST];
    f32x8 half[QUERY_ROWS];
    for (size_t r = 0; r < QUERY_ROWS; r++) {
        float *row = c + r * c_stride;
        for (size_t v = 0; v < vectors; v++) {
            if (is_adding) load16(&sum[r][v], row + LANES * v);
            else sum[r][v] = (f32x16){0};
        }
        if (is_adding) memcpy(&half[r], row + LANES * vectors, halves * sizeof half[r]);
        else half[r] = (f32x8){0};
    }
#pragma clang loop unroll_count(4)
    for (size_t d = 0; d < pairs; d++) {
        for (size_t turn = 0; turn < TURNS; turn++) {
            u32x16 columns[WIDEST];
            u32x8 last;
            for (size_t v = 0; v < vectors; v++)
                column16(&columns[v], b->first + v * b->panel + d * b->row, turn);
            if (halves) column8(&last, b->first + vectors * b->panel + d * b->row, turn);
            for (size_t r = 0; r < QUERY_ROWS; r++) {
                const factor *factors = a + r * a_stride + 2 * d + turn;
                for (size_t v = 0; v < vectors; v++) dot16(&sum[r][v], factors, &columns[v]);
                if (halves) dot8(&half[r], factors, &last);
            }
        }
    }
    for (size_t r = 0; r < QUERY_ROWS; r++) {
        float *row = c + r * c_stride;
        for (size_t v = 0; v < vectors; v++) store16(row + LANES * v, &sum[r][v]);
        memcpy(row + LANES * vectors, &half[r], halves * sizeof half[r]);
    }
}

// The same for any number of columns, filled up to eights.
TMDNE_INLINE void meet_columns(
    size_t count, int is_adding, size_t pairs, const factor *a, size_t a_stride, struct columns b, float *c, size_t c_stride) {
    size_t eights = (count + 7) / 8;
    for (; eights >= 2 * WIDEST; eights -= 2 * WIDEST, b.first += WIDEST * b.panel, c += WIDEST * LANES)
        meet_tile(WIDEST, 0, is_adding, pairs, a, a_stride, &b, c, c_stride);
    switch (eights) {
#if defined(TMDNE_WIDE)
    case 7: meet_tile(3, 1, is_adding, pairs, a, a_stride, &b, c, c_stride); break;
    case 6: meet_tile(3, 0, is_adding, pairs, a, a_stride, &b, c, c_stride); break;
    case 5: meet_tile(2, 1, is_adding, pairs, a, a_stride, &b, c, c_stride); break;
    case 4: meet_tile(2, 0, is_adding, pairs, a, a_stride, &b, c, c_stride); break;
    case 3: meet_tile(1, 1, is_adding, pairs, a, a_stride, &b, c, c_stride); break;
    case 2: meet_tile(1, 0, is_adding, pairs, a, a_stride, &b, c, c_stride); break;
#endif
    case 1: meet_tile(0, 1, is_adding, pairs, a, a_stride, &b, c, c_stride); break;
    default: break;
    }
}

// What a query has seen so far: its highest score and, lane by lane, the sum of its weights.
struct seen {
    f32x16 total;
    float maximum;
};

// One step of the online softmax of a row: scores become weights, the output so far is scaled to the new maximum.
TMDNE_INLINE void soften(
    float *scores, factor *weights, size_t count, size_t padded, float scale, struct seen *seen, float *output,
    size_t width) {
    for (size_t i = count; i < padded; i++) scores[i] = HIDDEN;
    float highest = greatest_of_row(scores, padded, HIDDEN);
    float before = seen->maximum;
    if (highest > before) seen->maximum = highest;
    if (highest > before && before > HIDDEN) {
        f32x16 correction = TMDNE_SPLAT((before - highest) * scale);
        power16(&correction);
        seen->total *= correction;
        for (size_t d = 0; d < width; d += LANES) {
            f32x16 v;
            load16(&v, output + d);
            v *= correction;
            store16(output + d, &v);
        }
    }
    if (seen->maximum == HIDDEN) {  // nothing visible yet
        memset(weights, 0, padded * sizeof(factor));
        return;
    }
    // Sums of their own, which stores to the weights cannot touch: two, since an addition takes longer than the rest.
    f32x16 total[2] = {{0}, {0}}, maximum = TMDNE_SPLAT(seen->maximum * scale);
    for (size_t i = 0; i < padded; i += LANES) {
        f32x16 weight;
        load16(&weight, scores + i);
        weight = weight * scale - maximum;
        power16(&weight);
        total[i / LANES % 2] += weight;
        round_row((const float *)&weight, weights + i, LANES, LANES);
    }
    seen->total += total[0] + total[1];
}

// Lets up to QUERY_ROWS queries, of which the first is number `first`, meet the keys `key` ..< `key` + count.
TMDNE_INLINE void meet(
    const struct packed *p, const uint16_t *keys, const factor *query, float *output, struct seen *seen,
    size_t first, size_t rows, size_t key, size_t count) {
    const struct tmdne_attention *a = p->a;
    float scores[QUERY_ROWS * KEYS] __attribute__((aligned(64)));
    factor weights[QUERY_ROWS * KEYS] __attribute__((aligned(64)));
    size_t padded = (count + LANES - 1) / LANES * LANES;
    struct columns panels = {keys + key * p->pairs * 2, 2 * LANES, p->pairs * 2 * LANES};
    meet_columns(padded, 0, p->pairs, query, 2 * p->pairs, panels, scores, KEYS);
    for (size_t r = 0; r < rows; r++) {
        size_t visible = count;
        if (a->causal) {
            size_t before = first + r + 1 > key ? first + r + 1 - key : 0;
            visible = before < count ? before : count;
        }
        soften(
            scores + r * KEYS, weights + r * KEYS, visible, padded, a->scale * 1.44269504f, &seen[r],
            output + r * p->padded_width, p->padded_width);
    }
    // Rows that nobody asks for weigh as the first does; what they give is not stored.
    for (size_t r = rows; r < QUERY_ROWS; r++) memcpy(weights + r * KEYS, weights, padded * sizeof(factor));
    struct columns weighted = {
        keys + p->key_panels * p->pairs * 2 * LANES + key * p->padded_width, 2 * p->padded_width, 2 * LANES};
    meet_columns(a->width, 1, (count + 1) / 2, weights, KEYS, weighted, output, p->padded_width);
}

TMDNE_NUMBERS void attend(const void *context, size_t begin, size_t end) {
    const struct packed *p = context;
    const struct tmdne_attention *a = p->a;
    size_t blocks = (a->queries + QUERIES - 1) / QUERIES, model = a->heads * a->width;
    factor query[QUERIES * WIDTH] __attribute__((aligned(64)));
    float output[QUERIES * WIDTH] __attribute__((aligned(64)));
    struct seen seen[QUERIES];
    for (size_t task = begin; task < end; task++) {
        size_t image = task / blocks / a->heads, head = task / blocks % a->heads, first = task % blocks * QUERIES;
        size_t count = a->queries - first < QUERIES ? a->queries - first : QUERIES;
        const uint16_t *keys = p->numbers + (image / a->repeat * a->heads + head) * p->head_numbers;
        size_t q = (image * a->queries + first) * a->q_stride + head * a->width;
        size_t y = (image * a->queries + first) * model + head * a->width;
        memset(output, 0, QUERIES * p->padded_width * sizeof(float));
        memset(query, 0, QUERIES * p->pairs * 2 * sizeof(factor));
        for (size_t r = 0; r < count; r++)
            take_query(a, q + r * a->q_stride, query + r * p->pairs * 2, p->pairs * 2);
        for (size_t r = 0; r < QUERIES; r++) seen[r] = (struct seen){{0}, HIDDEN};
        for (size_t key = 0; key < a->keys; key += KEYS) {
            size_t met = a->keys - key < KEYS ? a->keys - key : KEYS;
            for (size_t top = 0; top < count; top += QUERY_ROWS) {
                size_t rows = count - top < QUERY_ROWS ? count - top : QUERY_ROWS;
                if (a->causal && key > first + top + rows - 1) continue;
                meet(
                    p, keys, query + top * p->pairs * 2, output + top * p->padded_width, &seen[top], first + top, rows,
                    key, met);
            }
        }
        for (size_t r = 0; r < count; r++) {
            float inverse = 1 / lane_sum(&seen[r].total);
            for (size_t d = 0; d < a->width; d += LANES) {
                f32x16 v;
                load16(&v, output + r * p->padded_width + d);
                v *= inverse;
                put16(a->y, y + r * model + d, &v, a->width - d < LANES ? a->width - d : LANES, a->narrow_y);
            }
        }
    }
}

void TMDNE_NAME(tmdne_attend_bfloats)(const struct tmdne_attention *a) {
    struct packed p = packing_of(a);
    size_t heads = a->batch / a->repeat * a->heads, blocks = (a->queries + QUERIES - 1) / QUERIES;
    tmdne_parallel(heads, heads * p.head_numbers, pack_heads, &p);
    tmdne_parallel(a->batch * a->heads * blocks, a->batch * a->heads * a->queries * a->keys, attend, &p);
}
