#include "row_ops.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/// Partial sums of a reduction: four vectors of eight.
enum { AK_SUMS = 32 };

#define AK_FN(name) name##_scalar
#include "row_ops_body.h"
#undef AK_FN

#if defined(__x86_64__)
#define AK_FN(name) name##_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "row_ops_body.h"
#pragma clang attribute pop
#undef AK_FN
#endif

ak_status ak_row_ops_choose(ak_simd requested, const ak_row_ops **ops) {
    ak_simd simd;
    const ak_status status = ak_simd_resolve(requested, &simd);
    if (status != AK_OK) return status;
    *ops = &ops_scalar;
#if defined(__x86_64__)
    if (simd == AK_SIMD_AVX2) *ops = &ops_avx2;
#endif
    return AK_OK;
}
