// The kernels of bfloat16 for processors whose instructions for it pay.
#if defined(__x86_64__)
#include "CKernels.h"
#include "parallel.h"

#include <immintrin.h>
#include <string.h>

#define TMDNE_NATIVE
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16"))), apply_to = function)
#include "bfloat_kernels.h"
#pragma clang attribute pop
#endif
