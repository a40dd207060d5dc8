#include "ak_simd.h"

#include <stdbool.h>
#include <stddef.h>

static bool has_avx2(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

ak_status ak_simd_resolve(ak_simd requested, ak_simd *resolved) {
    if (resolved == NULL) return AK_ERROR_INVALID_ARGUMENT;
    switch (requested) {
    case AK_SIMD_AUTO:
        *resolved = has_avx2() ? AK_SIMD_AVX2 : AK_SIMD_SCALAR;
        return AK_OK;
    case AK_SIMD_SCALAR:
        *resolved = AK_SIMD_SCALAR;
        return AK_OK;
    case AK_SIMD_AVX2:
        if (!has_avx2()) return AK_ERROR_UNSUPPORTED;
        *resolved = AK_SIMD_AVX2;
        return AK_OK;
    }
    return AK_ERROR_INVALID_ARGUMENT;
}
