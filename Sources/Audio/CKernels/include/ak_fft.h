#pragma once
#include <stddef.h>
#include "ak_simd.h"

/// Real discrete Fourier transform in float32, power-of-two sizes.
///
/// forward: X[k] = Σ x[n]·e^(−2πikn/size), k = 0…size/2; inverse(forward(x)) = x. Spectra are split: `size/2 + 1` real
/// parts and as many imaginary parts. Twiddle factors are computed in double.
///
/// Threads: a plan is read-only after creation and may be shared; each thread brings its own scratch.
typedef struct ak_fft ak_fft;

enum { AK_FFT_SIZE_MIN = 64, AK_FFT_SIZE_MAX = 65536 };

typedef struct ak_fft_params {
    /// Samples per transform: a power of two, AK_FFT_SIZE_MIN…AK_FFT_SIZE_MAX.
    size_t size;
    ak_simd simd;
} ak_fft_params;

/// Makes a plan that the caller destroys. Returns AK_OK, AK_ERROR_INVALID_ARGUMENT, AK_ERROR_UNSUPPORTED or
/// AK_ERROR_OUT_OF_MEMORY; `*plan` is NULL unless AK_OK.
AK_CHECKED ak_status ak_fft_create(const ak_fft_params *params, ak_fft **plan);

/// Frees the plan and sets `*plan` to NULL; NULL is fine.
AK_API void ak_fft_destroy(ak_fft **plan);

/// Floats of scratch that one call needs (any alignment); 0 for NULL.
AK_API size_t ak_fft_scratch_count(const ak_fft *plan);

/// `signal`: size floats. `real`, `imag`: size/2 + 1 floats each. Nothing may overlap.
/// Returns AK_OK or AK_ERROR_INVALID_ARGUMENT (NULL).
AK_CHECKED ak_status ak_fft_forward(
    const ak_fft *plan, const float *signal, float *real, float *imag, float *scratch);

/// The inverse, divided by size. The imaginary parts of bins 0 and size/2 are taken as zero.
/// Returns AK_OK or AK_ERROR_INVALID_ARGUMENT (NULL).
AK_CHECKED ak_status ak_fft_inverse(
    const ak_fft *plan, const float *real, const float *imag, float *signal, float *scratch);
