#pragma once
#include <stddef.h>
#include "ak_simd.h"

/// Short-time Fourier transform of one channel: periodic Hann window, split spectrum.
///
/// Layout: frame f's bins are contiguous at `real + f·frame_stride` and `imag + f·frame_stride`, size/2 + 1 of them;
/// frame_stride is in floats and may be larger. Framing is the caller's: frame f covers
/// signal[f·hop … f·hop + size), so `frames` frames read (frames − 1)·hop + size samples. Nothing is padded.
///
/// Threads: one thread at a time per object (it holds scratch); different objects are independent.
typedef struct ak_stft ak_stft;

/// The way back: windowed overlap-add, divided by the sum of the squared windows that really overlap there. Constant
/// memory: the state carries the size − hop samples that later frames still add to. Threads: as ak_stft.
typedef struct ak_istft ak_istft;

typedef struct ak_stft_params {
    /// Window and transform length in samples: a power of two, 64…65536.
    size_t size;
    /// Samples between frames: 1…size for analysis, 1…size/2 for the inverse.
    size_t hop;
    ak_simd simd;
} ak_stft_params;

/// Where the windows' squared sum is below this, the divisor is this: the first and last samples of a stream fade out
/// instead of magnifying what a mask left there.
#define AK_ISTFT_WINDOW_SUM_FLOOR 1e-3

/// Returns AK_OK, AK_ERROR_INVALID_ARGUMENT, AK_ERROR_UNSUPPORTED or AK_ERROR_OUT_OF_MEMORY; the caller destroys.
AK_CHECKED ak_status ak_stft_create(const ak_stft_params *params, ak_stft **stft);

/// Frees and sets to NULL; NULL is fine.
AK_API void ak_stft_destroy(ak_stft **stft);

/// Analyses `frames` frames of `signal`. Returns AK_OK or AK_ERROR_INVALID_ARGUMENT (NULL, or a frame_stride below the
/// bin count).
AK_CHECKED ak_status ak_stft_process(
    ak_stft *stft, const float *signal, size_t frames, float *real, float *imag, size_t frame_stride);

/// Returns AK_OK, AK_ERROR_INVALID_ARGUMENT, AK_ERROR_UNSUPPORTED or AK_ERROR_OUT_OF_MEMORY; the caller destroys.
AK_CHECKED ak_status ak_istft_create(const ak_stft_params *params, ak_istft **istft);

/// Frees and sets to NULL; NULL is fine.
AK_API void ak_istft_destroy(ak_istft **istft);

/// Adds the next `frames` frames and writes the frames·hop samples that no later frame reaches. Sample 0 of the stream
/// is sample 0 of the first frame. Returns AK_OK or AK_ERROR_INVALID_ARGUMENT (NULL, or a frame_stride below the bin
/// count).
AK_CHECKED ak_status ak_istft_process(
    ak_istft *istft, const float *real, const float *imag, size_t frame_stride, size_t frames, float *output);

/// Writes the last size − hop samples and returns the object to its initial state.
/// Returns AK_OK or AK_ERROR_INVALID_ARGUMENT (NULL).
AK_CHECKED ak_status ak_istft_finish(ak_istft *istft, float *output);

/// Forgets the carried samples: the next frame starts a new stream. NULL is fine.
AK_API void ak_istft_reset(ak_istft *istft);
