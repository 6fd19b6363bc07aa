// Intel's AMX: eight tile registers of 16 rows of 64 bytes, and a product of two of them in bfloat16 with sums in single precision.
//
// A tile of the left factor is 16 rows of 32 numbers, one of the right 16 pairs of inputs of 16 outputs, as they lie in the
// panels of bfloat.h, and one of sums 16 rows of 16 outputs. Four of sums meet two of each factor, so that there is a
// product to each tile that is read.
#pragma once
#include "bfloat.h"

enum {
    TILE_ROWS = 16,
    TILE_DEPTH = 32,                 // inputs of a step
    TILE_PANEL = TILE_DEPTH * LANES, // numbers of a panel's step
    BLOCK_ROWS = 2 * TILE_ROWS,      // of what four tiles of sums hold
    BLOCK_OUTPUTS = 2 * LANES,
};

// Sets the tiles of this thread up; release_tiles() spares the next change of threads 8 KiB of state.
TMDNE_NUMBERS void set_tiles_up(void) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes = {.palette = 1};
    for (size_t tile = 0; tile < 8; tile++) shapes.row_bytes[tile] = 64, shapes.rows[tile] = TILE_ROWS;
    _tile_loadconfig(&shapes);
}

#define release_tiles() _tile_release()

TMDNE_INLINE void clear_sums(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

// Sums of 32 rows and 32 outputs, or of 16 where there is one half; rows `stride` floats apart.
TMDNE_INLINE void load_sums(const float *sums, size_t stride, int halves) {
    const float *below = sums + TILE_ROWS * stride;
    _tile_loadd(0, sums, stride * sizeof(float));
    _tile_loadd(2, below, stride * sizeof(float));
    if (halves == 1) return;
    _tile_loadd(1, sums + LANES, stride * sizeof(float));
    _tile_loadd(3, below + LANES, stride * sizeof(float));
}

TMDNE_INLINE void store_sums(float *sums, size_t stride, int halves) {
    float *below = sums + TILE_ROWS * stride;
    _tile_stored(0, sums, stride * sizeof(float));
    _tile_stored(2, below, stride * sizeof(float));
    if (halves == 1) return;
    _tile_stored(1, sums + LANES, stride * sizeof(float));
    _tile_stored(3, below + LANES, stride * sizeof(float));
}

// Adds the products of a step's inputs: of 32 rows, `stride` numbers apart, with two panels, or with the left one where there is
// one half; the panels' pairs of inputs are `pair` numbers apart.
//
// A tile is loaded right before it is needed first: with all four loaded at once the products wait longer.
TMDNE_INLINE void add_products(
    const uint16_t *rows, size_t stride, const uint16_t *left, const uint16_t *right, size_t pair, int halves) {
    const uint16_t *below = rows + TILE_ROWS * stride;
    _tile_loadd(4, rows, stride * sizeof(uint16_t));
    _tile_loadd(6, left, pair * sizeof(uint16_t));
    _tile_dpbf16ps(0, 4, 6);
    if (halves == 2) {
        _tile_loadd(7, right, pair * sizeof(uint16_t));
        _tile_dpbf16ps(1, 4, 7);
    }
    _tile_loadd(5, below, stride * sizeof(uint16_t));
    if (halves == 2) _tile_dpbf16ps(3, 5, 7);
    _tile_dpbf16ps(2, 5, 6);
}

// Activations of what is rounded to bfloat16 right after: to 3e-4 of the value, a sixth of what that rounding may take. A reciprocal is
// an estimate of 14 bits (which a division of vectors takes 16 cycles to beat), a power that of the softmax.
TMDNE_INLINE void rough_swish16(f32x16 *v) {
    f32x16 e = *v * -1.44269504f;
    power16(&e);
    *v *= (f32x16)_mm512_rcp14_ps((__m512)(e + 1.0f));
}

// See gelu16() in vector.h.
TMDNE_INLINE void rough_gelu16(f32x16 *v) {
    f32x16 size = __builtin_elementwise_abs(*v), z = size * 0.70710678f;
    f32x16 t = (f32x16)_mm512_rcp14_ps((__m512)(z * 0.3275911f + 1.0f));
    f32x16 p = t * 1.061405429f - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    f32x16 e = z * z * -1.44269504f;
    power16(&e);
    f32x16 whole = *v, nothing = {0};
    greater16(&whole, &nothing);
    *v = whole - size * 0.5f * (p * t * e);
}
