// The kernels of bfloat16 for processors that do not have its instructions.
#include "CKernels.h"
#include "parallel.h"

#include "bfloat_kernels.h"
