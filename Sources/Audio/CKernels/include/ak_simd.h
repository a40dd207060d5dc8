#pragma once
#include "ak_status.h"

/// Which instructions a kernel uses. Every kernel keeps its plain C form, so that tests and benchmarks can compare.
typedef enum ak_simd {
    /// The best that this processor has.
    AK_SIMD_AUTO = 0,
    /// Plain C for the platform's baseline (SSE2 on x86-64, NEON on aarch64: whatever the compiler makes of it).
    AK_SIMD_SCALAR = 1,
    /// AVX2 with FMA.
    AK_SIMD_AVX2 = 2,
} ak_simd;

/// Writes to `resolved` what `requested` comes to on this processor: never AK_SIMD_AUTO.
/// Any thread. Returns AK_OK, AK_ERROR_INVALID_ARGUMENT (unknown value, NULL) or AK_ERROR_UNSUPPORTED (the processor
/// lacks the instructions).
AK_CHECKED ak_status ak_simd_resolve(ak_simd requested, ak_simd *resolved);
