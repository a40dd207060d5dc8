#pragma once
#include <stddef.h>

#include "ak_simd.h"

/// Loops over rows of floats, one set per instruction set; nothing overlaps.
typedef struct ak_row_ops {
    float (*peak)(const float *x, size_t count);
    void (*scale)(float *x, size_t count, float gain);
    void (*add_scaled)(float *sum, const float *x, size_t count, float gain);
    void (*interleave_pair)(const float *left, const float *right, size_t frames, float *out);
    void (*deinterleave_pair)(const float *in, size_t frames, float *left, float *right);
    void (*magnitude)(const float *real, const float *imag, size_t count, float *out);
    /// sum[n] += x[n]².
    void (*add_square)(const float *x, size_t count, float *sum);
    /// sum[n] = 1 / (sum[n] + epsilon).
    void (*invert)(float *sum, size_t count, float epsilon);
    /// mask[n] = (x[n]² + share) · inverse[n]; returns Σ mask.
    float (*ratio)(const float *x, const float *inverse, size_t count, float share, float *mask);
    /// out = mask · in, both parts.
    void (*multiply)(
        const float *mask, const float *real, const float *imag, size_t count, float *out_real, float *out_imag);
} ak_row_ops;

/// Returns AK_OK, AK_ERROR_INVALID_ARGUMENT or AK_ERROR_UNSUPPORTED.
ak_status ak_row_ops_choose(ak_simd requested, const ak_row_ops **ops);
