// Attention in bfloat16 on AMX, with an online softmax whose scores are powers of two.
//
// Scores are made in blocks of 32 queries and 32 keys, and become weights while they are in the first level of cache; the products of
// a block are begun before, so that their latency is not waited for.
// A query's weights are relative to a reference: the highest score of the first block. Scores may pass it, since the exponents of
// bfloat16 have room for that; where a weight grows beyond HIGHEST_WEIGHT, the reference follows, and what is weighted so far is
// scaled. Values have a column of ones besides, whose weighted sum is what the others are divided by.
#if defined(__x86_64__)
#include "CKernels.h"
#include "parallel.h"

#include <immintrin.h>

#define TMDNE_NATIVE
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#include "amx.h"
#include "bfloat_dispatch.h"

// The score of what is hidden, and the reference of who has seen nothing: 2 to the power of it is 0, and it is still a number
// to count with.
#define HIDDEN -1e30f

enum {
    QUERIES = 4 * BLOCK_ROWS,  // of a task
    BLOCK_KEYS = 32,
    STEP_BLOCKS = 8,  // of keys, which all queries of a task meet before the next
    WIDTH = 512,      // widest head
    SUMS_WIDTH = WIDTH + LANES,
    BLOCK_NUMBERS = BLOCK_ROWS * BLOCK_KEYS,
    HIGHEST_WEIGHT = 0x4e80,  // 2^30 in bfloat16, whose numbers from 0 on are in the order of their bits
};

struct packed {
    const struct tmdne_attention *a;
    uint16_t *numbers;
    size_t blocks;   // of keys
    size_t steps;    // of channels
    size_t vectors;  // of values and their ones
    size_t head_numbers;
};

TMDNE_INLINE size_t keys_numbers(const struct packed *p) { return p->blocks * 2 * p->steps * TILE_PANEL; }

TMDNE_INLINE struct packed packing_of(size_t width, size_t keys) {
    struct packed p = {.blocks = (keys + BLOCK_KEYS - 1) / BLOCK_KEYS};
    p.steps = (width + TILE_DEPTH - 1) / TILE_DEPTH, p.vectors = width / LANES + 1;
    p.head_numbers = keys_numbers(&p) + p.blocks * p.vectors * TILE_PANEL;
    return p;
}

size_t tmdne_bfloat_attention_scratch_amx(size_t heads, size_t width, size_t keys) {
    return heads * packing_of(width, keys).head_numbers / 2;
}

// `count` numbers of x from `place` on, rounded unless they are, and zeros up to `padded`.
TMDNE_INLINE void take_row(const void *x, size_t place, int is_narrow, uint16_t *row, size_t count, size_t padded) {
    for (size_t i = 0; i < padded; i += LANES) {
        __mmask16 mask = i + LANES <= count ? 0xffff : i < count ? (__mmask16)((1u << (count - i)) - 1) : 0;
        if (is_narrow) {
            _mm256_storeu_si256((__m256i *)(row + i), _mm256_maskz_loadu_epi16(mask, (const uint16_t *)x + place + i));
        } else {
            f32x16 v = (f32x16)_mm512_maskz_loadu_ps(mask, (const float *)x + place + i);
            narrow16(row + i, &v);
        }
    }
}

// A pair of keys: their channels in tiles [keys / 16][steps][16 pairs of channels][16 keys][2], their values in tiles
// [keys / 32][vectors][16 pairs of keys][16][2].
TMDNE_INLINE void pack_pair(const struct packed *p, size_t head, size_t key) {
    const struct tmdne_attention *a = p->a;
    size_t offset = (head / a->heads * a->keys + key) * a->kv_stride + head % a->heads * a->width;
    uint16_t *keys = p->numbers + head * p->head_numbers, *values = keys + keys_numbers(p);
    uint16_t row[WIDTH], values_of[2][SUMS_WIDTH];
    for (size_t i = 0; i < 2; i++, offset += a->kv_stride) {
        size_t seen = key + i < a->keys ? a->width : 0;
        take_row(a->k, seen ? offset : 0, a->narrow_kv, row, seen, p->steps * TILE_DEPTH);
        uint16_t *tiles = keys + (key + i) / LANES * p->steps * TILE_PANEL + (key + i) % LANES * 2;
        for (size_t d = 0; d < p->steps * LANES; d++) memcpy(tiles + d * 2 * LANES, row + 2 * d, 2 * sizeof(uint16_t));
        take_row(a->v, seen ? offset : 0, a->narrow_kv, values_of[i], seen, p->vectors * LANES);
        values_of[i][a->width] = seen ? 0x3f80 : 0;  // 1
    }
    uint16_t *tiles = values + key / BLOCK_KEYS * p->vectors * TILE_PANEL + key % BLOCK_KEYS * LANES;
    for (size_t v = 0; v < p->vectors; v++)
        interleave16(tiles + v * TILE_PANEL, values_of[0] + v * LANES, values_of[1] + v * LANES);
}

static void pack_blocks(const void *context, size_t begin, size_t end) {
    const struct packed *p = context;
    size_t heads = p->a->heads;
    for (size_t i = begin; i < end; i++) {
        size_t head = i / heads / p->blocks * heads + i % heads, first = i / heads % p->blocks * BLOCK_KEYS;
        for (size_t key = 0; key < BLOCK_KEYS; key += 2) pack_pair(p, head, first + key);
    }
}

// What 32 queries of a head have seen of it.
struct seen {
    const struct packed *p;
    const uint16_t *keys, *values, *queries;
    float *sums;        // [32][vectors * 16]: values by their weights
    float *references;  // scaled as the scores are for the power
    float scale;
    size_t first;  // of all the queries
};

TMDNE_INLINE void multiply_block(const struct seen *seen, size_t block) {
    size_t steps = seen->p->steps;
    const uint16_t *left = seen->keys + block * 2 * steps * TILE_PANEL, *right = left + steps * TILE_PANEL;
    clear_sums();
    for (size_t step = 0; step < steps; step++)
        add_products(
            seen->queries + step * TILE_DEPTH, steps * TILE_DEPTH, left + step * TILE_PANEL, right + step * TILE_PANEL,
            2 * LANES, 2);
}

// Adds the values of some blocks by their weights.
TMDNE_INLINE void weigh(const struct seen *seen, const uint16_t *weights, size_t first, size_t blocks) {
    size_t vectors = seen->p->vectors;
    const uint16_t *values = seen->values + first * vectors * TILE_PANEL;
    for (size_t v = 0; v < vectors; v += 2) {
        int halves = v + 1 < vectors ? 2 : 1;
        load_sums(seen->sums + v * LANES, vectors * LANES, halves);
        for (size_t block = 0; block < blocks; block++) {
            const uint16_t *left = values + (block * vectors + v) * TILE_PANEL;
            add_products(
                weights + block * BLOCK_NUMBERS, BLOCK_KEYS, left, left + TILE_PANEL, 2 * LANES, halves);
        }
        store_sums(seen->sums + v * LANES, vectors * LANES, halves);
    }
}

// Hides the keys of a block that are not there, or that come after the query where that matters.
TMDNE_INLINE void hide(const struct seen *seen, float *scores, size_t block) {
    size_t key = block * BLOCK_KEYS, all = seen->p->a->keys;
    if (key + BLOCK_KEYS <= all && !(seen->p->a->causal && key + BLOCK_KEYS > seen->first + 1)) return;
    for (size_t r = 0; r < BLOCK_ROWS; r++) {
        size_t visible = seen->p->a->causal && seen->first + r + 1 < all ? seen->first + r + 1 : all;
        for (size_t i = visible > key ? visible - key : 0; i < BLOCK_KEYS; i++) scores[r * BLOCK_KEYS + i] = HIDDEN;
    }
}

// Makes weights of a block of scores; returns whether all are as low as they have to be.
TMDNE_INLINE int soften(const struct seen *seen, const float *scores, uint16_t *weights) {
    __m512i highest = _mm512_setzero_si512();
    f32x16 scale = TMDNE_SPLAT(seen->scale);
    for (size_t r = 0; r < BLOCK_ROWS; r++) {
        f32x16 reference = TMDNE_SPLAT(seen->references[r]), left, right;
        load16(&left, scores + r * BLOCK_KEYS);
        load16(&right, scores + r * BLOCK_KEYS + LANES);
        left = left * scale - reference, right = right * scale - reference;
        power16(&left);
        power16(&right);
        __m512i narrow = (__m512i)_mm512_cvtne2ps_pbh((__m512)right, (__m512)left);
        highest = _mm512_max_epu16(highest, narrow);
        _mm512_storeu_si512(weights + r * BLOCK_KEYS, narrow);
    }
    return _mm512_cmpgt_epu16_mask(highest, _mm512_set1_epi16(HIGHEST_WEIGHT)) == 0;
}

// Lets the references follow a block of scores.
static void follow(const struct seen *seen, const float *scores) {
    size_t width = seen->p->vectors * LANES;
    for (size_t r = 0; r < BLOCK_ROWS; r++) {
        float highest = greatest_of_row(scores + r * BLOCK_KEYS, BLOCK_KEYS, HIDDEN) * seen->scale;
        if (!(highest > seen->references[r])) continue;
        f32x16 correction = TMDNE_SPLAT(seen->references[r] - highest);
        power16(&correction);
        seen->references[r] = highest;
        for (size_t d = 0; d < width; d += LANES) {
            f32x16 v;
            load16(&v, seen->sums + r * width + d);
            v *= correction;
            store16(seen->sums + r * width + d, &v);
        }
    }
}

// Lets the queries meet the blocks first ..< last of keys, at most STEP_BLOCKS.
TMDNE_INLINE void meet(const struct seen *seen, size_t first, size_t last) {
    float scores[2][BLOCK_NUMBERS] __attribute__((aligned(64)));
    uint16_t weights[STEP_BLOCKS * BLOCK_NUMBERS] __attribute__((aligned(64)));
    size_t weighed = first;
    multiply_block(seen, first);
    store_sums(scores[first % 2], BLOCK_KEYS, 2);
    for (size_t block = first; block < last; block++) {
        float *current = scores[block % 2];
        uint16_t *made = weights + (block - first) * BLOCK_NUMBERS;
        if (block + 1 < last) multiply_block(seen, block + 1);
        hide(seen, current, block);
        if (block == 0) follow(seen, current);
        int are_low = soften(seen, current, made);
        if (block + 1 < last) store_sums(scores[(block + 1) % 2], BLOCK_KEYS, 2);
        if (are_low) continue;
        weigh(seen, weights + (weighed - first) * BLOCK_NUMBERS, weighed, block - weighed);
        weighed = block;
        follow(seen, current);
        soften(seen, current, made);
    }
    weigh(seen, weights + (weighed - first) * BLOCK_NUMBERS, weighed, last - weighed);
}

static void attend(const void *context, size_t begin, size_t end) {
    const struct packed *p = context;
    const struct tmdne_attention *a = p->a;
    size_t tasks = (a->queries + QUERIES - 1) / QUERIES, model = a->heads * a->width;
    size_t depth = p->steps * TILE_DEPTH, width = p->vectors * LANES;
    uint16_t queries[QUERIES * WIDTH] __attribute__((aligned(64)));
    float sums[QUERIES * SUMS_WIDTH] __attribute__((aligned(64))), references[QUERIES];
    set_tiles_up();
    for (size_t task = begin; task < end; task++) {
        size_t image = task / tasks / a->heads, head = task / tasks % a->heads, first = task % tasks * QUERIES;
        size_t count = a->queries - first < QUERIES ? a->queries - first : QUERIES;
        size_t q = (image * a->queries + first) * a->q_stride + head * a->width;
        size_t y = (image * a->queries + first) * model + head * a->width;
        memset(sums, 0, QUERIES * width * sizeof(float));
        for (size_t r = 0; r < QUERIES; r++) {
            take_row(a->q, r < count ? q + r * a->q_stride : 0, a->narrow_q, queries + r * depth, r < count ? a->width : 0, depth);
            references[r] = HIDDEN;
        }
        struct seen seen = {.p = p, .scale = a->scale * 1.44269504f};
        seen.keys = p->numbers + (image / a->repeat * a->heads + head) * p->head_numbers;
        seen.values = seen.keys + keys_numbers(p);
        for (size_t block = 0; block < p->blocks; block += STEP_BLOCKS) {
            for (size_t top = 0; top < count; top += BLOCK_ROWS) {
                seen.queries = queries + top * depth, seen.sums = sums + top * width;
                seen.references = references + top, seen.first = first + top;
                size_t last = block + STEP_BLOCKS < p->blocks ? block + STEP_BLOCKS : p->blocks;
                size_t visible = (seen.first + BLOCK_ROWS - 1) / BLOCK_KEYS + 1;
                if (a->causal && last > visible) last = visible;
                if (block < last) meet(&seen, block, last);
            }
        }
        for (size_t r = 0; r < count; r++) {
            float inverse = 1 / sums[r * width + a->width];
            for (size_t d = 0; d < a->width; d += LANES) {
                f32x16 v;
                load16(&v, sums + r * width + d);
                v *= inverse;
                put16(a->y, y + r * model + d, &v, a->width - d < LANES ? a->width - d : LANES, a->narrow_y);
            }
        }
    }
    release_tiles();
}

void tmdne_attend_bfloats_amx(const struct tmdne_attention *a) {
    struct packed p = packing_of(a->width, a->keys);
    p.a = a, p.numbers = (uint16_t *)a->scratch;
    size_t heads = a->batch / a->repeat * a->heads, tasks = (a->queries + QUERIES - 1) / QUERIES;
    tmdne_parallel(heads * p.blocks, heads * p.head_numbers, pack_blocks, &p);
    tmdne_parallel(a->batch * a->heads * tasks, a->batch * a->heads * a->queries * a->keys, attend, &p);
}
#pragma clang attribute pop
#endif
