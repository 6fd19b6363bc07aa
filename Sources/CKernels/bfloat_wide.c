// The kernels of bfloat16 for processors with AVX-512 that do without its instructions for bfloat16.
#if defined(__x86_64__)
#include "CKernels.h"
#include "parallel.h"

#include <immintrin.h>
#include <string.h>

#define TMDNE_WIDE
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#include "bfloat_kernels.h"
#pragma clang attribute pop
#endif
