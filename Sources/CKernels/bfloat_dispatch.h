// What bfloat.c picks from: each function exists as _native and as _plain.
#pragma once
#include "CKernels.h"

// Weights of matrices, rows `output_step` and columns `input_step` apart, that become panels of bfloat16.
struct bfloat_packing {
    const float *weights;
    uint16_t *target;
    size_t panels, inputs, outputs, input_step, output_step;
};

#define TMDNE_DECLARE(variant)                                                                                     \
    void tmdne_multiply_bfloats_##variant(const struct tmdne_product *p, int is_narrow);                           \
    void tmdne_pack_bfloats_##variant(const struct bfloat_packing *p, size_t matrices);                            \
    void tmdne_attend_bfloats_##variant(const struct tmdne_attention *a);                                          \
    void tmdne_winograd_bfloat_input_##variant(                                                                    \
        size_t tile, const float *x, uint16_t *v, size_t height, size_t width, size_t channels, size_t first,      \
        size_t rows);

TMDNE_DECLARE(native)
TMDNE_DECLARE(plain)

// 16-bit numbers that the packed keys and values of a head take.
size_t tmdne_bfloat_head(size_t width, size_t keys);
