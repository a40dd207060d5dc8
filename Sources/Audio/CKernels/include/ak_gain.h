#pragma once
#include <stddef.h>
#include "ak_simd.h"

/// Sample-wise work on float32 signals. No state, any thread. Every call returns AK_OK, AK_ERROR_INVALID_ARGUMENT
/// (NULL, zero channels) or AK_ERROR_UNSUPPORTED (`simd` on this processor).

/// Writes max |x| over `count` samples; 0 for none, NaN if one of them is NaN.
AK_CHECKED ak_status ak_peak(const float *signal, size_t count, float *peak, ak_simd simd);

/// signal[n] *= gain.
AK_CHECKED ak_status ak_gain_apply(float *signal, size_t count, float gain, ak_simd simd);

/// accumulator[n] += gain · signal[n]; with gain −1 on each stem the mixture becomes the residual.
AK_CHECKED ak_status ak_gain_add(
    float *accumulator, const float *signal, size_t count, float gain, ak_simd simd);

/// planes[c][n] → interleaved[n·channels + c]. `frames` samples per channel; nothing may overlap.
AK_CHECKED ak_status ak_interleave(
    const float *const *planes, size_t channels, size_t frames, float *interleaved, ak_simd simd);

/// interleaved[n·channels + c] → planes[c][n]. `frames` samples per channel; nothing may overlap.
AK_CHECKED ak_status ak_deinterleave(
    const float *interleaved, size_t channels, size_t frames, float *const *planes, ak_simd simd);
