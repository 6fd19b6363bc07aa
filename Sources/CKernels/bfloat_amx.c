// Attention in bfloat16 on AMX.
#if defined(__x86_64__)
#include "CKernels.h"
#include "parallel.h"

#include <immintrin.h>

#define TMDNE_NATIVE
#define TMDNE_AMX
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#include "bfloat_attention.h"
#pragma clang attribute pop
#endif
