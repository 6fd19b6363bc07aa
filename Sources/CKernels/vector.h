// Sixteen floats at a time, in the compiler's vector types: one zmm register on AVX-512, two ymm on AVX2, and the same
// lanes in the same order everywhere.
#pragma once
#include "CKernels.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#define TMDNE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TMDNE_CLONES
#endif
#define TMDNE_INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };
typedef float f32x16 __attribute__((vector_size(64)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef int32_t i32x16 __attribute__((vector_size(64)));

// Sixteen copies; adding to a vector of zeros would be an addition, since it turns -0 into 0.
#define TMDNE_SPLAT(value)                                              \
    __extension__({                                                     \
        float s = (value);                                              \
        (f32x16){s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s};       \
    })

#define TMDNE_HALF_SPLAT(value)                 \
    __extension__({                             \
        float s = (value);                      \
        (f32x8){s, s, s, s, s, s, s, s};        \
    })

TMDNE_INLINE void load16(f32x16 *v, const float *p) { memcpy(v, p, sizeof *v); }
TMDNE_INLINE void store16(float *p, const f32x16 *v) { memcpy(p, v, sizeof *v); }

// Whether y, rows of `channels` floats, is stored past the caches: they could not hold it, or it would drive out of them what is
// read again; and no line is read before it is written. Who stores so ends with end_streaming().
enum { STREAMED_FLOATS = 512 << 10 };  // 2 MiB, the second level of cache
TMDNE_INLINE int is_streamed(const void *y, size_t rows, size_t channels) {
    return channels % LANES == 0 && (uintptr_t)y % sizeof(f32x16) == 0 && rows * channels >= STREAMED_FLOATS;
}

TMDNE_INLINE void stream16(float *p, const f32x16 *v) { __builtin_nontemporal_store(*v, (f32x16 *)p); }

TMDNE_INLINE void end_streaming(void) {
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
}

// Some lanes, and zeros in the others. A copy of a size that is known is a load, any other a call.
TMDNE_INLINE void take16(f32x16 *v, const float *p, size_t lanes) {
    *v = (f32x16){0};
    if (lanes == LANES) load16(v, p);
    else memcpy(v, p, lanes * sizeof(float));
}

// The sum of the lanes, of neighbouring halves again and again: the same order everywhere, and a quarter of the time of one lane
// after the other.
TMDNE_INLINE float lane_sum(const f32x16 *v) {
    float lanes[LANES];
    memcpy(lanes, v, sizeof lanes);
    for (size_t step = LANES / 2; step > 0; step /= 2)
        for (size_t lane = 0; lane < step; lane++) lanes[lane] += lanes[lane + step];
    return lanes[0];
}

// The greater or the lesser of both, lane by lane, and w where v is no number: an instruction each. The compiler's own
// takes three, since it decides on w, too.
TMDNE_INLINE void greater16(f32x16 *v, const f32x16 *w) {
    i32x16 stays = *v > *w;
    *v = (f32x16)(((i32x16)*v & stays) | ((i32x16)*w & ~stays));
}

TMDNE_INLINE void lesser16(f32x16 *v, const f32x16 *w) {
    i32x16 stays = *v < *w;
    *v = (f32x16)(((i32x16)*v & stays) | ((i32x16)*w & ~stays));
}

// The greatest lane; which of them where one is no number is left open.
TMDNE_INLINE float greatest_lane(const f32x16 *v) {
    float lanes[LANES];
    memcpy(lanes, v, sizeof lanes);
    for (size_t step = LANES / 2; step > 0; step /= 2)
        for (size_t lane = 0; lane < step; lane++)
            lanes[lane] = lanes[lane] > lanes[lane + step] ? lanes[lane] : lanes[lane + step];
    return lanes[0];
}

// The greatest of `count` numbers, a multiple of 16, and `least`. Two vectors at a time, since a comparison takes longer than a
// load.
TMDNE_INLINE float greatest_of_row(const float *x, size_t count, float least) {
    f32x16 best = TMDNE_SPLAT(least), other = best, v, w;
    size_t i = 0;
    for (; i + 2 * LANES <= count; i += 2 * LANES) {
        load16(&v, x + i);
        load16(&w, x + i + LANES);
        greater16(&best, &v);
        greater16(&other, &w);
    }
    if (i < count) {
        load16(&v, x + i);
        greater16(&best, &v);
    }
    greater16(&best, &other);
    return greatest_lane(&best);
}

// e^x to about 1 ulp: Cody-Waite reduction by multiples of ln 2, then the Taylor polynomial of degree 7 on |r| <= ln(2)/2.
//
// For x <= 88.
TMDNE_INLINE void falling_exp16(f32x16 *v) {
    f32x16 x = *v, least = TMDNE_SPLAT(-87.0f);
    greater16(&x, &least);
    f32x16 k = x * 1.44269504f + 12582912.0f;  // adding 1.5 * 2^23 rounds to an integer
    k -= 12582912.0f;
    f32x16 r = x - k * 0.693359375f;
    r -= k * -2.12194440e-4f;
    f32x16 p = r * (1.0f / 5040) + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    i32x16 exponent = (__builtin_convertvector(k, i32x16) + 127) << 23;
    f32x16 power;
    memcpy(&power, &exponent, sizeof power);
    *v = p * power;
}

// The same, and e^88 for what is greater.
TMDNE_INLINE void exp16(f32x16 *v) {
    f32x16 most = TMDNE_SPLAT(88.0f);
    lesser16(v, &most);
    falling_exp16(v);
}

// 2^x to 8e-8 of the value: a polynomial of degree 6 on |r| <= 1/2 that spreads the greatest relative error (Remez's exchange).
//
// For x <= 0; about 1e-38 for all that is below -125.
TMDNE_INLINE void falling_power16(f32x16 *v) {
    f32x16 x = *v, least = TMDNE_SPLAT(-125.0f);
    greater16(&x, &least);
    f32x16 k = x + 12582912.0f;  // adding 1.5 * 2^23 rounds to an integer, which is in the last bits then
    f32x16 r = x - (k - 12582912.0f);
    f32x16 p = r * 1.53458124e-4f + 1.33999309e-3f;
    p = p * r + 9.61848907e-3f;
    p = p * r + 5.55032864e-2f;
    p = p * r + 0.240226462f;
    p = p * r + 0.693147182f;
    p = p * r + 1.0f;
    *v = (f32x16)((i32x16)p + ((i32x16)k << 23));
}

// x / (1 + e^(-slope x)): SiLU for slope 1, the quick GELU of CLIP for 1.702.
TMDNE_INLINE void swish16(f32x16 *v, float slope) {
    f32x16 e = *v * -slope;
    exp16(&e);
    *v = *v / (e + 1.0f);
}

// x/2 (1 + erf(x / sqrt 2)); erf by Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7.
TMDNE_INLINE void gelu16(f32x16 *v) {
    f32x16 z = __builtin_elementwise_abs(*v) * 0.70710678f;
    f32x16 t = 1.0f / (z * 0.3275911f + 1.0f);
    f32x16 p = t * 1.061405429f - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    f32x16 e = -z * z;
    exp16(&e);
    f32x16 tail = p * t * e;  // 1 - erf(|x| / sqrt 2)
    f32x16 whole = *v, nothing = {0};
    greater16(&whole, &nothing);
    *v = whole - __builtin_elementwise_abs(*v) * 0.5f * tail;
}

TMDNE_INLINE void activate16(f32x16 *v, enum tmdne_activation activation) {
    switch (activation) {
    case TMDNE_IDENTITY: break;
    case TMDNE_SILU: swish16(v, 1.0f); break;
    case TMDNE_QUICK_GELU: swish16(v, 1.702f); break;
    case TMDNE_GELU: gelu16(v); break;
    // A maximum would make zeros of what is no number.
    case TMDNE_RELU: *v = (*v + __builtin_elementwise_abs(*v)) * 0.5f; break;
    }
}
