// What bfloat.c picks from: each function exists as _native, as _wide and as _plain.
#pragma once
#include "CKernels.h"

// Weights that become panels: those of `taps` pixels lie side by side for each input, and one tap after the other in a panel.
struct bfloat_packing {
    const float *weights;
    uint16_t *target;
    size_t inputs, outputs, taps;
};

#define TMDNE_DECLARE(variant)                                                                                     \
    void tmdne_multiply_bfloats_##variant(const struct tmdne_product *p);                                          \
    void tmdne_pack_bfloat_panels_##variant(const struct bfloat_packing *p);                                       \
    void tmdne_winograd_bfloat_weights_##variant(                                                                  \
        size_t tile, const float *weights, uint16_t *panels, size_t outputs, size_t inputs);                       \
    void tmdne_attend_bfloats_##variant(const struct tmdne_attention *a);                                          \
    void tmdne_winograd_bfloat_input_##variant(                                                                    \
        size_t tile, const float *x, uint16_t *v, size_t height, size_t width, size_t channels, size_t first,      \
        size_t rows);

TMDNE_DECLARE(native)
TMDNE_DECLARE(wide)
TMDNE_DECLARE(plain)

// On AMX; sizes in floats.
void tmdne_multiply_bfloats_amx(const struct tmdne_product *p);
size_t tmdne_bfloat_product_scratch_amx(size_t rows, size_t inputs);
void tmdne_convolve_bfloats_amx(const struct tmdne_convolution *c);
size_t tmdne_bfloat_convolution_scratch_amx(const struct tmdne_convolution *c);
void tmdne_attend_bfloats_amx(const struct tmdne_attention *a);
size_t tmdne_bfloat_attention_scratch_amx(size_t heads, size_t width, size_t keys);

// 16-bit numbers that the packed keys and values of a head take, but for AMX.
size_t tmdne_bfloat_head(size_t width, size_t keys);
