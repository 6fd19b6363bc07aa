// bfloat16 numbers: the upper halves of floats, two of which are multiplied and added at once into a sum in single precision.
//
// Compiled three times: for the processor's own instructions (AVX512-BF16, where TMDNE_NATIVE is defined), for AVX-512 without
// them (TMDNE_WIDE, which both define), and for all others. Those without widen again before they multiply: the same results
// but for rounding, at the speed of single precision.
#pragma once
#include "vector.h"

typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));

#if defined(TMDNE_NATIVE)
#define TMDNE_WIDE
#define TMDNE_NAME(name) name##_native
#elif defined(TMDNE_WIDE)
#define TMDNE_NAME(name) name##_wide
#else
#define TMDNE_NAME(name) name##_plain
#endif

#ifdef TMDNE_WIDE
enum { WIDEST = 4 };  // vectors of a register tile: see attention.c
#define TMDNE_NUMBERS static
#else
enum { WIDEST = 1 };
#define TMDNE_NUMBERS TMDNE_CLONES static
#endif

// A number of the left-hand side of a product, rounded: in pairs where these are multiplied at once, else as it is multiplied.
#ifdef TMDNE_NATIVE
typedef uint16_t factor;
enum { TURNS = 1 };  // that a pair takes
#else
typedef float factor;
enum { TURNS = 2 };
#endif

#ifndef TMDNE_NATIVE
// Rounds to the nearest bfloat16, in place. What is no number keeps a bit that the rounding cannot carry out of.
TMDNE_INLINE void round16(f32x16 *v) {
    u32x16 bits = (u32x16)*v, broken = (u32x16)(*v != *v);
    bits = (bits & ~broken) | (0x7fc00000 & broken);
    *v = (f32x16)((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
}
#endif

// Rounds to the nearest bfloat16, in sixteen bits each.
TMDNE_INLINE void narrow16(uint16_t *y, const f32x16 *v) {
#ifdef TMDNE_NATIVE
    __m256bh narrow = _mm512_cvtneps_pbh((__m512)*v);
    memcpy(y, &narrow, sizeof narrow);
#else
    f32x16 rounded = *v;
    round16(&rounded);
    u16x16 narrow = __builtin_convertvector((u32x16)rounded >> 16, u16x16);
    memcpy(y, &narrow, sizeof narrow);
#endif
}

// Stores some lanes as the numbers of y from `place` on, rounded if those are narrow.
TMDNE_INLINE void put16(void *y, size_t place, const f32x16 *v, size_t lanes, int is_narrow) {
#ifdef TMDNE_WIDE
    __mmask16 mask = (__mmask16)((1u << lanes) - 1);
    if (is_narrow) {
        __m256i narrow;
        narrow16((uint16_t *)&narrow, v);
        _mm256_mask_storeu_epi16((uint16_t *)y + place, mask, narrow);
    } else {
        _mm512_mask_storeu_ps((float *)y + place, mask, (__m512)*v);
    }
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
#ifdef TMDNE_WIDE
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

// The same as factors.
TMDNE_INLINE void round_row(const float *x, factor *y, size_t count, size_t padded) {
#ifdef TMDNE_NATIVE
    narrow_row(x, y, count, padded);
#else
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        f32x16 v;
        load16(&v, x + i);
        round16(&v);
        store16(y + i, &v);
    }
    for (; i < padded; i += LANES) {
        f32x16 v = {0};
        if (i < count) memcpy(&v, x + i, (count - i) * sizeof(float));
        round16(&v);
        memcpy(y + i, &v, (padded - i < LANES ? padded - i : LANES) * sizeof(float));
    }
#endif
}

// `count` numbers that are rounded already, as factors; `padded` of the result are written, those beyond as zeros.
TMDNE_INLINE void take_factors(const uint16_t *x, factor *y, size_t count, size_t padded) {
#ifdef TMDNE_NATIVE
    memcpy(y, x, count * sizeof(uint16_t));
#else
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, sizeof bits);
    }
#endif
    memset(y + count, 0, (padded - count) * sizeof(factor));
}

// Of sixteen pairs, or of eight, what is multiplied at once: number `turn` of each, widened, or all of both.
TMDNE_INLINE void column16(u32x16 *column, const uint16_t *pairs, size_t turn) {
    memcpy(column, pairs, sizeof *column);
    if (TURNS == 2) *column = turn == 0 ? *column << 16 : *column & 0xffff0000;
}

TMDNE_INLINE void column8(u32x8 *column, const uint16_t *pairs, size_t turn) {
    memcpy(column, pairs, sizeof *column);
    if (TURNS == 2) *column = turn == 0 ? *column << 16 : *column & 0xffff0000;
}

// sum += the pair of `factors`, or the first of them where there are turns, times `column`.
TMDNE_INLINE void dot16(f32x16 *sum, const factor *factors, const u32x16 *column) {
#ifdef TMDNE_NATIVE
    uint32_t bits;
    memcpy(&bits, factors, sizeof bits);
    *sum = (f32x16)_mm512_dpbf16_ps((__m512)*sum, (__m512bh)_mm512_set1_epi32((int)bits), (__m512bh)*column);
#else
    *sum += TMDNE_SPLAT(*factors) * (f32x16)*column;
#endif
}

TMDNE_INLINE void dot8(f32x8 *sum, const factor *factors, const u32x8 *column) {
#ifdef TMDNE_NATIVE
    uint32_t bits;
    memcpy(&bits, factors, sizeof bits);
    *sum = (f32x8)_mm256_dpbf16_ps((__m256)*sum, (__m256bh)_mm256_set1_epi32((int)bits), (__m256bh)*column);
#else
    *sum += TMDNE_HALF_SPLAT(*factors) * (f32x8)*column;
#endif
}

// 2^x for x <= 0, to 7.5e-5 of the value: a cubic that spreads the greatest relative error over an octave (Remez's exchange),
// which is a twenty-fifth of what rounding to bfloat16 adds.
TMDNE_INLINE void power16(f32x16 *v) {
#ifdef TMDNE_WIDE
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
