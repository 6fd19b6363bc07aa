#include "CKernels.h"
#include "parallel.h"
#include "vector.h"

// Half precision is widened by its bits, without a branch or an instruction that only some processors have: reading the
// numbers takes longer. Files need not align them.

struct widen {
    const uint8_t *x;
    float *y;
};

TMDNE_CLONES static void widen_halves(const void *context, size_t begin, size_t end) {
    const struct widen *w = context;
    const uint8_t *restrict x = w->x;
    float *restrict y = w->y;
    for (size_t i = begin; i < end; i++) {
        uint16_t half;
        memcpy(&half, x + 2 * i, sizeof half);
        uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = (uint32_t)(half & 0x7fff) << 13;
        // The exponent's bias is 15 in half and 127 in single precision. A subnormal is made by subtracting the implied one,
        // because the flush-to-zero mode that inference may run in would eat it otherwise.
        uint32_t normal = magnitude + (112u << 23), implied = 113u << 23, bits = magnitude + implied;
        float sum, one;
        memcpy(&sum, &bits, sizeof sum);
        memcpy(&one, &implied, sizeof one);
        sum -= one;
        uint32_t subnormal;
        memcpy(&subnormal, &sum, sizeof subnormal);
        uint32_t finite = magnitude < 1u << 23 ? subnormal : normal;
        uint32_t value = sign | (magnitude < 31u << 23 ? finite : magnitude | 0x7f800000u);
        memcpy(y + i, &value, sizeof value);
    }
}

TMDNE_CLONES static void widen_bfloats(const void *context, size_t begin, size_t end) {
    const struct widen *w = context;
    const uint8_t *restrict x = w->x;
    float *restrict y = w->y;
    for (size_t i = begin; i < end; i++) {
        uint16_t upper;
        memcpy(&upper, x + 2 * i, sizeof upper);
        uint32_t value = (uint32_t)upper << 16;
        memcpy(y + i, &value, sizeof value);
    }
}

void tmdne_widen_halves(const void *x, float *y, size_t count) {
    struct widen w = {x, y};
    tmdne_parallel(count, count, widen_halves, &w);
}

void tmdne_widen_bfloats(const void *x, float *y, size_t count) {
    struct widen w = {x, y};
    tmdne_parallel(count, count, widen_bfloats, &w);
}
