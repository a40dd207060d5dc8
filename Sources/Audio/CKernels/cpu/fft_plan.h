#pragma once
#include <stdbool.h>

#include "ak_fft.h"

// A real transform of `size` samples is a complex one of size/2 points (even samples real, odd imaginary). That one is
// cut into `lanes` interleaved transforms of `rows` points, one a SIMD lane, so that every stage but the last is
// purely vertical (no shuffles); the last combines the lanes. Scalar: one lane, nothing to combine.

typedef struct ak_fft_ops ak_fft_ops;

struct ak_fft {
    size_t size;
    /// Points of the complex transform.
    size_t half;
    /// Points of each lane's transform.
    size_t rows;
    const ak_fft_ops *ops;
    /// Per radix-4 stage, per butterfly: e^(−iθ), e^(−2iθ), e^(−3iθ) as (re, im).
    float *stage_twiddles;
    /// Per block of `lanes` rows, per lane 1…lanes−1: `lanes` real parts, `lanes` imaginary parts.
    float *lane_twiddles;
    /// cos and −sin of 2πk/size, k = 0…half/2.
    float *unpack_cos;
    float *unpack_sin;
};

/// The four planes of scratch: a complex array of `half` points, and the one that a stage writes to.
typedef struct ak_fft_planes {
    float *real, *imag, *next_real, *next_imag;
} ak_fft_planes;

struct ak_fft_ops {
    size_t lanes;
    /// real[n] = signal[2n]·window[2n], imag[n] = signal[2n+1]·window[2n+1].
    void (*split_windowed)(const float *signal, const float *window, size_t half, float *real, float *imag);
    void (*split)(const float *signal, size_t half, float *real, float *imag);
    /// Forward complex transform of (real, imag); the result is in (real, imag) of the returned planes.
    ak_fft_planes (*transform)(const ak_fft *plan, ak_fft_planes planes);
    /// Half-size complex spectrum → the real signal's bins 0…half.
    void (*unpack)(const ak_fft *plan, const float *zr, const float *zi, float *real, float *imag);
    /// The reverse, scaled by 1/half.
    void (*pack)(const ak_fft *plan, const float *real, const float *imag, float *zr, float *zi);
    void (*join)(const float *real, const float *imag, size_t half, float *signal);
    /// sum[2n] += real[n]·window[2n], sum[2n+1] += imag[n]·window[2n+1].
    void (*join_add)(const float *real, const float *imag, const float *window, size_t half, float *sum);
};

extern const ak_fft_ops ak_fft_ops_scalar;
#if defined(__x86_64__)
extern const ak_fft_ops ak_fft_ops_avx2;
#endif

/// Cuts `scratch` (ak_fft_scratch_count floats) into planes.
ak_fft_planes ak_fft_planes_in(const ak_fft *plan, float *scratch);

/// The inverse complex transform of (real, imag), unscaled.
ak_fft_planes ak_fft_transform_inverse(const ak_fft *plan, ak_fft_planes planes);
