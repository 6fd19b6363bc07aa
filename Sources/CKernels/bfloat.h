// bfloat16 numbers: the upper halves of floats, two of which are multiplied and added at once into a sum in single precision.
//
// Compiled once for the processor's own instructions (AVX512-BF16, where TMDNE_NATIVE is defined) and once for all others,
// which widen again before they multiply: the same results but for the order of rounding, at the cost of single precision.
#pragma once
#include "vector.h"

typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));

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

// Rounds `count` numbers; `padded` of the result are written, those beyond as zeros.
TMDNE_INLINE void narrow_row(const float *x, uint16_t *y, size_t count, size_t padded) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        f32x16 v;
        load16(&v, x + i);
        narrow16(y + i, &v);
    }
    if (i == padded) return;
    f32x16 v = {0};
    uint16_t rest[LANES];
    memcpy(&v, x + i, (count - i) * sizeof(float));
    narrow16(rest, &v);
    memcpy(y + i, rest, (padded - i) * sizeof(uint16_t));
}

// sum += both halves of `pair` times the pairs of `column`.
TMDNE_INLINE void dot16(f32x16 *sum, const uint16_t *pair, const u32x16 *column) {
    uint32_t bits;
    memcpy(&bits, pair, sizeof bits);
#ifdef TMDNE_NATIVE
    *sum = (f32x16)_mm512_dpbf16_ps((__m512)*sum, (__m512bh)_mm512_set1_epi32((int)bits), (__m512bh)*column);
#else
    uint32_t halves[2] = {bits << 16, bits & 0xffff0000};
    float low, high;
    memcpy(&low, &halves[0], sizeof low);
    memcpy(&high, &halves[1], sizeof high);
    *sum += TMDNE_SPLAT(low) * (f32x16)(*column << 16);
    *sum += TMDNE_SPLAT(high) * (f32x16)(*column & 0xffff0000);
#endif
}

// The greater of both, lane by lane; which of them where one is no number is left open.
TMDNE_INLINE void greater16(f32x16 *v, const f32x16 *w) {
#ifdef TMDNE_NATIVE
    *v = (f32x16)_mm512_max_ps((__m512)*v, (__m512)*w);
#else
    *v = __builtin_elementwise_max(*v, *w);
#endif
}

// 2^x for x <= 0, to 4e-5 of the value (the Taylor polynomial of degree 4 on half an octave), a hundredth of what bfloat16
// keeps.
TMDNE_INLINE void power16(f32x16 *v) {
    f32x16 lowest = TMDNE_SPLAT(-126.0f);
    greater16(v, &lowest);
#ifdef TMDNE_NATIVE
    f32x16 k = (f32x16)_mm512_roundscale_ps((__m512)*v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    f32x16 k = *v + 12582912.0f;  // adding 1.5 * 2^23 rounds to an integer
    k -= 12582912.0f;
#endif
    f32x16 r = *v - k;
    f32x16 p = r * 9.61812911e-3f + 5.55041087e-2f;
    p = p * r + 0.240226507f;
    p = p * r + 0.693147181f;
    p = p * r + 1.0f;
#ifdef TMDNE_NATIVE
    *v = (f32x16)_mm512_scalef_ps((__m512)p, (__m512)k);
#else
    *v = (f32x16)((i32x16)p + (__builtin_convertvector(k, i32x16) << 23));
#endif
}
