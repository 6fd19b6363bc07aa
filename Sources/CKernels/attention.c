#include "CKernels.h"
#include "parallel.h"
#include "vector.h"

#include <math.h>

enum {
    ROWS = 6,         // queries of a register tile
    KEY_BLOCK = 256,  // keys of an online softmax step: scores of a tile stay in the first-level cache
    QUERY_BLOCK = 48, // queries of a task, which meet a block of keys and values while it is in the second-level cache
    MAX_WIDTH = 512,  // of a head; the autoencoder's single head of SD 1.x is the widest met
};

// Vectors of a register tile: 6 x 4 accumulators, 4 columns and a broadcast fill 29 of AVX-512's 32 registers; a vector is
// two registers of AVX2, where 6 x 1 accumulators, one column and a broadcast fill 15 of 16. The last vector may be a half,
// which heads of 40 channels end with. A number is computed alike whatever the tile.
enum { WIDE_TILE = 4, NARROW_TILE = 1 };

static size_t round16(size_t n) { return (n + 15) / 16 * 16; }

size_t tmdne_attention_scratch(size_t key_batch, size_t heads, size_t width, size_t keys) {
    // The keys in panels of 16, [keys / 16][width][16], and the values, [keys][width], both padded to whole vectors.
    return key_batch * heads * (width * round16(keys) + keys * round16(width));
}

struct packed {
    const struct tmdne_attention *a;
    size_t padded_keys, padded_width, head_floats;
};

static void pack_heads(const void *context, size_t begin, size_t end) {
    const struct packed *p = context;
    const struct tmdne_attention *a = p->a;
    for (size_t head = begin; head < end; head++) {
        size_t offset = head / a->heads * a->keys * a->kv_stride + head % a->heads * a->width;
        const float *k = (const float *)a->k + offset, *v = (const float *)a->v + offset;
        float *keys = a->scratch + head * p->head_floats, *values = keys + a->width * p->padded_keys;
        for (size_t key = 0; key < a->keys; key++) {
            // Panels lie one after the other: a row of all keys would put every depth into the same few sets of the caches.
            float *panel = keys + key / LANES * LANES * a->width + key % LANES;
            for (size_t d = 0; d < a->width; d++) panel[d * LANES] = k[key * a->kv_stride + d];
            memcpy(values + key * p->padded_width, v + key * a->kv_stride, a->width * sizeof(float));
            memset(values + key * p->padded_width + a->width, 0, (p->padded_width - a->width) * sizeof(float));
        }
        for (size_t key = a->keys; key < p->padded_keys; key++)
            for (size_t d = 0; d < a->width; d++) keys[(key / LANES * a->width + d) * LANES + key % LANES] = 0;
    }
}

// The right-hand side of a product: vector v of row d stands at first + v * panel + d * row.
struct columns {
    const float *first;
    size_t row, panel;
};

// c[ROWS][16 vectors + 8 halves] = a[ROWS][depth] b[depth][16 vectors + 8 halves], or += it; `vectors`, `halves`, which is 0 or
// 1, and `is_adding` are constants after inlining.
TMDNE_INLINE void tile(
    size_t vectors, size_t halves, int is_adding, size_t depth, const float *a, size_t a_stride, const struct columns *b, float *c,
    size_t c_stride) {
    f32x16 sum[ROWS][WIDE_TILE];
    f32x8 half[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        float *row = c + r * c_stride;
        for (size_t v = 0; v < vectors; v++) {
            if (is_adding) load16(&sum[r][v], row + LANES * v);
            else sum[r][v] = (f32x16){0};
        }
        if (is_adding) memcpy(&half[r], row + LANES * vectors, halves * sizeof half[r]);
        else half[r] = (f32x8){0};
    }
#pragma clang loop unroll_count(4)
    for (size_t d = 0; d < depth; d++) {
        f32x16 column[WIDE_TILE];
        f32x8 last;
        for (size_t v = 0; v < vectors; v++) load16(&column[v], b->first + v * b->panel + d * b->row);
        memcpy(&last, b->first + vectors * b->panel + d * b->row, halves * sizeof last);
        for (size_t r = 0; r < ROWS; r++) {
            float value = a[r * a_stride + d];
            for (size_t v = 0; v < vectors; v++) sum[r][v] += TMDNE_SPLAT(value) * column[v];
            if (halves) half[r] += TMDNE_HALF_SPLAT(value) * last;
        }
    }
    for (size_t r = 0; r < ROWS; r++) {
        float *row = c + r * c_stride;
        for (size_t v = 0; v < vectors; v++) store16(row + LANES * v, &sum[r][v]);
        memcpy(row + LANES * vectors, &half[r], halves * sizeof half[r]);
    }
}

// The same for any number of columns, filled up to eights, in tiles of up to `widest` vectors.
TMDNE_INLINE void multiply(
    size_t widest, int is_adding, size_t columns, size_t depth, const float *a, size_t a_stride, struct columns b, float *c,
    size_t c_stride) {
    size_t eights = (columns + 7) / 8;
    for (; eights >= 2 * widest; eights -= 2 * widest, b.first += widest * b.panel, c += widest * LANES)
        tile(widest, 0, is_adding, depth, a, a_stride, &b, c, c_stride);
    switch (eights) {
    case 7: tile(3, 1, is_adding, depth, a, a_stride, &b, c, c_stride); break;
    case 6: tile(3, 0, is_adding, depth, a, a_stride, &b, c, c_stride); break;
    case 5: tile(2, 1, is_adding, depth, a, a_stride, &b, c, c_stride); break;
    case 4: tile(2, 0, is_adding, depth, a, a_stride, &b, c, c_stride); break;
    case 3: tile(1, 1, is_adding, depth, a, a_stride, &b, c, c_stride); break;
    case 2: tile(1, 0, is_adding, depth, a, a_stride, &b, c, c_stride); break;
    case 1: tile(0, 1, is_adding, depth, a, a_stride, &b, c, c_stride); break;
    default: break;
    }
}

// What a query has seen so far: its highest score and, lane by lane, the sum of its weights.
struct seen {
    f32x16 total;
    float maximum;
};

// One step of the online softmax of a row: scores, which are powers of two, become weights, the output so far is scaled to the new maximum.
TMDNE_INLINE void soften(
    float *scores, size_t count, size_t padded, struct seen *seen, float *output, size_t width) {
    for (size_t i = count; i < padded; i++) scores[i] = -INFINITY;
    float highest = greatest_of_row(scores, padded, -INFINITY);
    float before = seen->maximum;
    if (highest > before) seen->maximum = highest;
    if (highest > before && before > -INFINITY) {
        f32x16 correction = TMDNE_SPLAT(before - highest);
        falling_power16(&correction);
        seen->total *= correction;
        for (size_t d = 0; d < width; d += LANES) {
            f32x16 v;
            load16(&v, output + d);
            v *= correction;
            store16(output + d, &v);
        }
    }
    if (seen->maximum == -INFINITY) {  // nothing visible yet
        memset(scores, 0, padded * sizeof(float));
        return;
    }
    f32x16 total = {0};
    for (size_t i = 0; i < padded; i += LANES) {
        f32x16 weight;
        load16(&weight, scores + i);
        weight -= seen->maximum;
        falling_power16(&weight);  // about 1e-38 for what is hidden: lost beside the 1 of the maximum
        total += weight;
        store16(scores + i, &weight);
    }
    seen->total += total;
    memset(scores + count, 0, (padded - count) * sizeof(float));
}

// Lets the queries `first` ..< `first` + rows meet the keys `key` ..< `key` + count.
TMDNE_INLINE void meet(
    size_t widest, const struct packed *p, const float *keys, const float *query, float *output, struct seen *seen,
    size_t first, size_t rows, size_t key, size_t count) {
    const struct tmdne_attention *a = p->a;
    float scores[ROWS * KEY_BLOCK] __attribute__((aligned(64)));
    size_t padded = round16(count);
    const float *values = keys + a->width * p->padded_keys;
    struct columns panels = {keys + key * a->width, LANES, LANES * a->width};
    multiply(widest, 0, padded, a->width, query, a->width, panels, scores, KEY_BLOCK);
    for (size_t r = 0; r < rows; r++) {
        size_t visible = count;
        if (a->causal) {
            size_t before = first + r + 1 > key ? first + r + 1 - key : 0;
            visible = before < count ? before : count;
        }
        soften(
            scores + r * KEY_BLOCK, visible, padded, &seen[r], output + r * p->padded_width, p->padded_width);
    }
    struct columns weighted = {values + key * p->padded_width, p->padded_width, LANES};
    multiply(widest, 1, a->width, count, scores, KEY_BLOCK, weighted, output, p->padded_width);
}

TMDNE_INLINE void attend(size_t widest, const struct packed *p, size_t begin, size_t end) {
    const struct tmdne_attention *a = p->a;
    size_t blocks = (a->queries + QUERY_BLOCK - 1) / QUERY_BLOCK, model = a->heads * a->width;
    // Rows beyond the last query of a tile are computed and ignored: their memory is there.
    float query[QUERY_BLOCK * MAX_WIDTH], output[QUERY_BLOCK * MAX_WIDTH] __attribute__((aligned(64)));
    struct seen seen[QUERY_BLOCK];
    float scale = a->scale * 1.44269504f;  // of powers of e as powers of two
    for (size_t task = begin; task < end; task++) {
        size_t image = task / blocks / a->heads, head = task / blocks % a->heads, first = task % blocks * QUERY_BLOCK;
        size_t count = a->queries - first < QUERY_BLOCK ? a->queries - first : QUERY_BLOCK;
        const float *keys = a->scratch + (image / a->repeat * a->heads + head) * p->head_floats;
        const float *q = (const float *)a->q + (image * a->queries + first) * a->q_stride + head * a->width;
        float *y = (float *)a->y + (image * a->queries + first) * model + head * a->width;
        memset(output, 0, QUERY_BLOCK * p->padded_width * sizeof(float));
        memset(query, 0, QUERY_BLOCK * a->width * sizeof(float));
        for (size_t r = 0; r < count; r++)
            for (size_t d = 0; d < a->width; d++) query[r * a->width + d] = q[r * a->q_stride + d] * scale;
        for (size_t r = 0; r < QUERY_BLOCK; r++) seen[r] = (struct seen){{0}, -INFINITY};
        for (size_t key = 0; key < a->keys; key += KEY_BLOCK) {
            size_t met = a->keys - key < KEY_BLOCK ? a->keys - key : KEY_BLOCK;
            for (size_t top = 0; top < count; top += ROWS) {
                size_t rows = count - top < ROWS ? count - top : ROWS;
                if (a->causal && key > first + top + rows - 1) continue;
                meet(
                    widest, p, keys, query + top * a->width, output + top * p->padded_width, &seen[top],
                    first + top, rows, key, met);
            }
        }
        for (size_t r = 0; r < count; r++) {
            float inverse = 1 / lane_sum(&seen[r].total);
            for (size_t d = 0; d < a->width; d++) y[r * model + d] = output[r * p->padded_width + d] * inverse;
        }
    }
}

#if defined(__x86_64__)
__attribute__((target("arch=x86-64-v4"))) static void attend_wide(const void *context, size_t begin, size_t end) {
    attend(WIDE_TILE, context, begin, end);
}

__attribute__((target_clones("arch=x86-64-v3", "default"))) static void attend_narrow(
    const void *context, size_t begin, size_t end) {
    attend(NARROW_TILE, context, begin, end);
}
#else
static void attend_narrow(const void *context, size_t begin, size_t end) {
    attend(NARROW_TILE, context, begin, end);
}
#endif

size_t tmdne_attention_widest(void) { return MAX_WIDTH; }

void tmdne_attend(const struct tmdne_attention *a) {
    size_t padded_keys = round16(a->keys), padded_width = round16(a->width);
    struct packed p = {a, padded_keys, padded_width, a->width * padded_keys + a->keys * padded_width};
    size_t key_heads = a->batch / a->repeat * a->heads, blocks = (a->queries + QUERY_BLOCK - 1) / QUERY_BLOCK;
    tmdne_parallel(key_heads, key_heads * p.head_floats, pack_heads, &p);
    size_t tasks = a->batch * a->heads * blocks;
    void (*body)(const void *, size_t, size_t) = attend_narrow;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("x86-64-v4")) body = attend_wide;
#endif
    tmdne_parallel(tasks, tasks * QUERY_BLOCK * a->keys, body, &p);
}
