// bfloat16 numbers: the upper halves of floats, two of which are multiplied and added at once into a sum in single precision.
//
// Compiled once for the processor's own instructions (AVX512-BF16, where TMDNE_NATIVE is defined) and
// once for all others, which widen again before they multiply: the same results but for rounding, at the cost of single precision.
#pragma once
#include "vector.h"

typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));

#ifdef TMDNE_NATIVE
enum { WIDEST = 4 };  // vectors of a register tile: see attention.c
#define TMDNE_NUMBERS static
#define TMDNE_NAME(name) name##_native
#else
enum { WIDEST = 1 };
#define TMDNE_NUMBERS TMDNE_CLONES static
#define TMDNE_NAME(name) name##_plain
#endif

// Rounds to the nearest bfloat16.
TMDNE_INLINE void narrow16(uint16_t *y, const f32x16 *v) {
#ifdef TMDNE_NATIVE
    __m256bh narrow = _mm512_cvtneps_pbh((__m512)*v);
    memcpy(y, &narrow, sizeof narrow);
#else
    // What is no number keeps a bit that the rounding cannot carry out of.
    u32x16 bits = (u32x16)*v, broken = (u32x16)(*v != *v);
    bits = (bits & ~broken) | (0x7fc00000 & broken);
    u16x16 narrow = __builtin_convertvector((bits + 0x7fff + (bits >> 16 & 1)) >> 16, u16x16);
    memcpy(y, &narrow, sizeof narrow);
#endif
}

// Stores some lanes as the numbers of y from `place` on, rounded if those are narrow.
TMDNE_INLINE void put16(void *y, size_t place, const f32x16 *v, size_t lanes, int is_narrow) {
#ifdef TMDNE_NATIVE
    __mmask16 mask = (__mmask16)((1u << lanes) - 1);
    if (is_narrow) _mm256_mask_storeu_epi16((uint16_t *)y + place, mask, (__m256i)_mm512_cvtneps_pbh((__m512)*v));
    else _mm512_mask_storeu_ps((float *)y + place, mask, (__m512)*v);
#else
    if (is_narrow) {
        uint16_t narrow[LANES];
        if (lanes == LANES) {
            narrow16((uint16_t *)y + place, v);
        } else {
            narrow16(narrow, v);
            memcpy((uint16_t *)y + place, narrow, lanes * sizeof(uint16_t));
        }
    } else if (lanes == LANES) {
        store16((float *)y + place, v);
    } else {
        memcpy((float *)y + place, v, lanes * sizeof(float));
    }
#endif
}

// Lays the numbers of two rows side by side.
TMDNE_INLINE void interleave16(uint16_t *y, const uint16_t *first, const uint16_t *second) {
#ifdef TMDNE_NATIVE
    __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)first));
    __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)second));
    _mm512_storeu_si512(y, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
#else
    for (size_t lane = 0; lane < LANES; lane++) y[2 * lane] = first[lane], y[2 * lane + 1] = second[lane];
#endif
}

// Rounds two rows and lays their numbers side by side: what stands in one lane is a pair.
TMDNE_INLINE void narrow_pairs(uint16_t *y, const f32x16 *first, const f32x16 *second) {
    uint16_t halves[2][LANES];
    narrow16(halves[0], first);
    narrow16(halves[1], second);
    interleave16(y, halves[0], halves[1]);
}

// Rounds `count` numbers; `padded` of the result are written, those beyond as zeros.
TMDNE_INLINE void narrow_row(const float *x, uint16_t *y, size_t count, size_t padded) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        f32x16 v;
        load16(&v, x + i);
        narrow16(y + i, &v);
    }
    for (; i < padded; i += LANES) {
        f32x16 v = {0};
        uint16_t rest[LANES];
        if (i < count) memcpy(&v, x + i, (count - i) * sizeof(float));
        narrow16(rest, &v);
        memcpy(y + i, rest, (padded - i < LANES ? padded - i : LANES) * sizeof(uint16_t));
    }
}

#ifndef TMDNE_NATIVE
// The two numbers of a pair.
TMDNE_INLINE void widen_pair(float numbers[2], uint32_t pair) {
    uint32_t bits[2] = {pair << 16, pair & 0xffff0000};
    memcpy(numbers, bits, sizeof bits);
}
#endif

// sum += both numbers of `pair` times the pairs of `column`.
TMDNE_INLINE void dot16(f32x16 *sum, const uint16_t *pair, const u32x16 *column) {
    uint32_t bits;
    memcpy(&bits, pair, sizeof bits);
#ifdef TMDNE_NATIVE
    *sum = (f32x16)_mm512_dpbf16_ps((__m512)*sum, (__m512bh)_mm512_set1_epi32((int)bits), (__m512bh)*column);
#else
    float numbers[2];
    widen_pair(numbers, bits);
    *sum += TMDNE_SPLAT(numbers[0]) * (f32x16)(*column << 16);
    *sum += TMDNE_SPLAT(numbers[1]) * (f32x16)(*column & 0xffff0000);
#endif
}

// The same for half of a vector.
TMDNE_INLINE void dot8(f32x8 *sum, const uint16_t *pair, const u32x8 *column) {
    uint32_t bits;
    memcpy(&bits, pair, sizeof bits);
#ifdef TMDNE_NATIVE
    *sum = (f32x8)_mm256_dpbf16_ps((__m256)*sum, (__m256bh)_mm256_set1_epi32((int)bits), (__m256bh)*column);
#else
    float numbers[2];
    widen_pair(numbers, bits);
    *sum += TMDNE_HALF_SPLAT(numbers[0]) * (f32x8)(*column << 16);
    *sum += TMDNE_HALF_SPLAT(numbers[1]) * (f32x8)(*column & 0xffff0000);
#endif
}

// 2^x for x <= 0, to 7.5e-5 of the value: a cubic that spreads the greatest relative error over an octave (Remez's exchange),
// which is a twenty-fifth of what rounding to bfloat16 adds.
TMDNE_INLINE void power16(f32x16 *v) {
#ifdef TMDNE_NATIVE
    // x - floor(x), and at the end a factor of 2^floor(x).
    f32x16 r = (f32x16)_mm512_reduce_ps((__m512)*v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    f32x16 p = r * 7.8024521e-2f + 0.22606716f;
    p = p * r + 0.69583354f;
    p = p * r + 0.99992522f;
    *v = (f32x16)_mm512_scalef_ps((__m512)p, (__m512)*v);
#else
    f32x16 x = *v, least = TMDNE_SPLAT(-126.0f);
    greater16(&x, &least);
    f32x16 k = x + 12582912.0f;  // adding 1.5 * 2^23 rounds to an integer, which is in the last bits then
    f32x16 r = x - (k - 12582912.0f);
    f32x16 p = r * 5.517167e-2f + 0.24261112f;
    p = p * r + 0.69326099f;
    p = p * r + 0.99992807f;
    *v = (f32x16)((i32x16)p + ((i32x16)k << 23));
#endif
}
