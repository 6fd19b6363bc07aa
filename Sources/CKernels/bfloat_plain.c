// The kernels of bfloat16 for processors without AVX-512.
#include "CKernels.h"
#include "parallel.h"

#include "bfloat_kernels.h"
