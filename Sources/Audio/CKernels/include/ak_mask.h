#pragma once
#include <stddef.h>
#include "ak_simd.h"

/// Ratio masks from the magnitudes that a separation network estimates for each source, power 2:
/// mask_i = (m_i² + ε/S) / (Σ_j m_j² + ε), ε = 1e-10, S sources; so the masks of one bin sum to 1.
/// Source: Spleeter (Hennequin et al., 2020), including the extension of the mask above the network's bins by the mean
/// over the known bins, per frame.
///
/// Rows (frames) hold contiguous bins; strides between rows are in floats. One channel per call.
/// Threads: one thread at a time per object (it holds scratch); different objects are independent.
typedef struct ak_mask ak_mask;

enum { AK_MASK_SOURCES_MAX = 16 };

typedef struct ak_mask_params {
    /// Sources that share the mixture: 1…AK_MASK_SOURCES_MAX.
    size_t sources;
    /// Bins that the network estimates, from 0 up: 1…bins.
    size_t known_bins;
    /// Bins of the mixture's spectrum.
    size_t bins;
    ak_simd simd;
} ak_mask_params;

/// Returns AK_OK, AK_ERROR_INVALID_ARGUMENT, AK_ERROR_UNSUPPORTED or AK_ERROR_OUT_OF_MEMORY; the caller destroys.
AK_CHECKED ak_status ak_mask_create(const ak_mask_params *params, ak_mask **mask);

/// Frees and sets to NULL; NULL is fine.
AK_API void ak_mask_destroy(ak_mask **mask);

/// Writes the masks alone. `estimates[i]`: source i, `frames` rows of known_bins floats; `masks[i]`: `frames` rows of
/// bins floats. Returns AK_OK or AK_ERROR_INVALID_ARGUMENT (NULL, a stride below its row).
AK_CHECKED ak_status ak_mask_compute(
    ak_mask *mask, const float *const *estimates, size_t estimate_stride, size_t frames, float *const *masks,
    size_t mask_stride);

/// Masks and multiplies in one pass: source i's spectrum = mask_i · mixture.
/// `mix_real`, `mix_imag`: `frames` rows of bins floats, mix_stride apart; `real[i]`, `imag[i]`: source i, the same
/// with out_stride. Outputs may not overlap the mixture or each other.
/// Returns AK_OK or AK_ERROR_INVALID_ARGUMENT (NULL, a stride below its row).
AK_CHECKED ak_status ak_mask_apply(
    ak_mask *mask, const float *const *estimates, size_t estimate_stride, size_t frames, const float *mix_real,
    const float *mix_imag, size_t mix_stride, float *const *real, float *const *imag, size_t out_stride);

/// Magnitudes of the first `bins` bins of `frames` rows, into a network's input tensor (rows out_stride apart).
/// Any thread. Returns AK_OK, AK_ERROR_INVALID_ARGUMENT (NULL, a stride below `bins`) or AK_ERROR_UNSUPPORTED.
AK_CHECKED ak_status ak_magnitude(
    const float *real, const float *imag, size_t stride, size_t frames, size_t bins, float *out, size_t out_stride,
    ak_simd simd);
