#include "CKernels.h"
#include "parallel.h"
#include "vector.h"

#include <math.h>

enum {
    ROWS = 6,         // queries of a register tile: 6 x 4 accumulators, 4 columns and a broadcast fill 29 of 32 registers
    KEY_BLOCK = 256,  // keys of an online softmax step: scores of a tile stay in the first-level cache
    QUERY_BLOCK = 48, // queries of a task
    MAX_WIDTH = 512,  // of a head; the autoencoder's single head of SD 1.x is the widest met
};

static size_t round16(size_t n) { return (n + 15) / 16 * 16; }

size_t tmdne_attention_scratch(size_t key_batch, size_t heads, size_t width, size_t keys) {
    // The keys transposed, [width][keys], and the values, [keys][width], both padded to whole vectors.
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
        const float *k = a->k + offset, *v = a->v + offset;
        float *keys = a->scratch + head * p->head_floats, *values = keys + a->width * p->padded_keys;
        for (size_t key = 0; key < a->keys; key++) {
            for (size_t d = 0; d < a->width; d++) keys[d * p->padded_keys + key] = k[key * a->kv_stride + d];
            memcpy(values + key * p->padded_width, v + key * a->kv_stride, a->width * sizeof(float));
            memset(values + key * p->padded_width + a->width, 0, (p->padded_width - a->width) * sizeof(float));
        }
        for (size_t d = 0; d < a->width; d++)
            for (size_t key = a->keys; key < p->padded_keys; key++) keys[d * p->padded_keys + key] = 0;
    }
}

// c[rows][16 vectors] += a[rows][depth] b[depth][16 vectors]; rows and vectors are constants after inlining.
TMDNE_INLINE void tile(
    size_t rows, size_t vectors, size_t depth, const float *a, size_t a_stride, const float *b, size_t b_stride,
    float *c, size_t c_stride) {
    f32x16 sum[ROWS][4];
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vectors; v++) load16(&sum[r][v], c + r * c_stride + 16 * v);
    for (size_t d = 0; d < depth; d++) {
        f32x16 column[4];
        for (size_t v = 0; v < vectors; v++) load16(&column[v], b + d * b_stride + 16 * v);
        for (size_t r = 0; r < rows; r++) {
            f32x16 value = TMDNE_SPLAT(a[r * a_stride + d]);
            for (size_t v = 0; v < vectors; v++) sum[r][v] += value * column[v];
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vectors; v++) store16(c + r * c_stride + 16 * v, &sum[r][v]);
}

// The same for any number of columns. Rows beyond `rows` of the six are computed and ignored: their memory is there.
TMDNE_INLINE void multiply(
    size_t columns, size_t depth, const float *a, size_t a_stride, const float *b, size_t b_stride, float *c,
    size_t c_stride) {
    size_t vectors = columns / 16;
    for (; vectors >= 4; vectors -= 4, b += 64, c += 64) tile(ROWS, 4, depth, a, a_stride, b, b_stride, c, c_stride);
    switch (vectors) {
    case 3: tile(ROWS, 3, depth, a, a_stride, b, b_stride, c, c_stride); break;
    case 2: tile(ROWS, 2, depth, a, a_stride, b, b_stride, c, c_stride); break;
    case 1: tile(ROWS, 1, depth, a, a_stride, b, b_stride, c, c_stride); break;
    default: break;
    }
}

// One step of the online softmax of a row: scores become weights, the output so far is scaled to the new maximum.
TMDNE_INLINE void soften(
    float *scores, size_t count, size_t padded, float *maximum, float *total, float *output, size_t width) {
    for (size_t i = count; i < padded; i++) scores[i] = -INFINITY;
    f32x16 best = TMDNE_SPLAT(*maximum);
    for (size_t i = 0; i < padded; i += 16) {
        f32x16 v;
        load16(&v, scores + i);
        best = __builtin_elementwise_max(best, v);
    }
    float highest = best[0];
    for (size_t lane = 1; lane < 16; lane++) highest = best[lane] > highest ? best[lane] : highest;
    if (highest == -INFINITY) {  // nothing visible yet
        memset(scores, 0, padded * sizeof(float));
        return;
    }
    f32x16 sum = {0};
    for (size_t i = 0; i < padded; i += 16) {
        f32x16 weight;
        load16(&weight, scores + i);
        weight -= highest;
        exp16(&weight);  // about 1e-38 for what is hidden: lost beside the 1 of the maximum
        sum += weight;
        store16(scores + i, &weight);
    }
    memset(scores + count, 0, (padded - count) * sizeof(float));
    float added = 0;
    for (size_t lane = 0; lane < 16; lane++) added += sum[lane];
    f32x16 correction = TMDNE_SPLAT(*maximum == -INFINITY ? 0.0f : *maximum - highest);
    exp16(&correction);
    if (*maximum == -INFINITY) correction = TMDNE_SPLAT(0.0f);
    for (size_t d = 0; d < width; d += 16) {
        f32x16 v;
        load16(&v, output + d);
        v *= correction;
        store16(output + d, &v);
    }
    *total = *total * correction[0] + added;
    *maximum = highest;
}

TMDNE_CLONES static void attend(const void *context, size_t begin, size_t end) {
    const struct packed *p = context;
    const struct tmdne_attention *a = p->a;
    size_t blocks = (a->queries + QUERY_BLOCK - 1) / QUERY_BLOCK, model = a->heads * a->width;
    float query[ROWS * MAX_WIDTH], output[ROWS * MAX_WIDTH] __attribute__((aligned(64)));
    float scores[ROWS * KEY_BLOCK] __attribute__((aligned(64)));
    for (size_t task = begin; task < end; task++) {
        size_t image = task / blocks / a->heads, head = task / blocks % a->heads, first = task % blocks * QUERY_BLOCK;
        size_t last = first + QUERY_BLOCK < a->queries ? first + QUERY_BLOCK : a->queries;
        const float *keys = a->scratch + (image / a->repeat * a->heads + head) * p->head_floats;
        const float *values = keys + a->width * p->padded_keys;
        for (size_t top = first; top < last; top += ROWS) {
            size_t rows = last - top < ROWS ? last - top : ROWS;
            float maximum[ROWS], total[ROWS];
            memset(output, 0, ROWS * p->padded_width * sizeof(float));
            memset(query, 0, ROWS * a->width * sizeof(float));
            for (size_t r = 0; r < ROWS; r++) maximum[r] = -INFINITY, total[r] = 0;
            for (size_t r = 0; r < rows; r++) {
                const float *q = a->q + (image * a->queries + top + r) * a->q_stride + head * a->width;
                for (size_t d = 0; d < a->width; d++) query[r * a->width + d] = q[d] * a->scale;
            }
            for (size_t key = 0; key < a->keys; key += KEY_BLOCK) {
                if (a->causal && key > top + rows - 1) break;
                size_t count = a->keys - key < KEY_BLOCK ? a->keys - key : KEY_BLOCK, padded = round16(count);
                memset(scores, 0, sizeof scores);
                multiply(padded, a->width, query, a->width, keys + key, p->padded_keys, scores, KEY_BLOCK);
                for (size_t r = 0; r < rows; r++) {
                    size_t visible = count;
                    if (a->causal) {
                        size_t seen = top + r + 1 > key ? top + r + 1 - key : 0;
                        visible = seen < count ? seen : count;
                    }
                    soften(
                        scores + r * KEY_BLOCK, visible, padded, &maximum[r], &total[r], output + r * p->padded_width,
                        p->padded_width);
                }
                multiply(
                    p->padded_width, count, scores, KEY_BLOCK, values + key * p->padded_width, p->padded_width, output,
                    p->padded_width);
            }
            for (size_t r = 0; r < rows; r++) {
                float *y = a->y + (image * a->queries + top + r) * model + head * a->width;
                float inverse = 1 / total[r];
                for (size_t d = 0; d < a->width; d++) y[d] = output[r * p->padded_width + d] * inverse;
            }
        }
    }
}

size_t tmdne_attention_widest(void) { return MAX_WIDTH; }

void tmdne_attend(const struct tmdne_attention *a) {
    size_t padded_keys = round16(a->keys), padded_width = round16(a->width);
    struct packed p = {a, padded_keys, padded_width, a->width * padded_keys + a->keys * padded_width};
    size_t key_heads = a->batch / a->repeat * a->heads, blocks = (a->queries + QUERY_BLOCK - 1) / QUERY_BLOCK;
    tmdne_parallel(key_heads, key_heads * p.head_floats, pack_heads, &p);
    size_t tasks = a->batch * a->heads * blocks;
    tmdne_parallel(tasks, tasks * QUERY_BLOCK * a->keys, attend, &p);
}
