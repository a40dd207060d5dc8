#include "ak_stft.h"

#include <math.h>
#include <stdlib.h>

#include "fft_plan.h"
#include "stft_window.h"

struct ak_stft {
    ak_fft *plan;
    size_t hop;
    float *window;
    float *scratch;
};

void ak_window_hann(float *window, size_t size) {
    const double step = 6.283185307179586476925286766559 / (double)size;
    for (size_t n = 0; n < size; n++) window[n] = (float)(0.5 - 0.5 * cos(step * (double)n));
}

ak_status ak_stft_create(const ak_stft_params *params, ak_stft **stft) {
    if (stft == NULL) return AK_ERROR_INVALID_ARGUMENT;
    *stft = NULL;
    if (params == NULL || params->hop == 0 || params->hop > params->size) return AK_ERROR_INVALID_ARGUMENT;
    ak_stft *made = calloc(1, sizeof *made);
    if (made == NULL) return AK_ERROR_OUT_OF_MEMORY;
    const ak_fft_params fft = {.size = params->size, .simd = params->simd};
    const ak_status status = ak_fft_create(&fft, &made->plan);
    if (status != AK_OK) {
        ak_stft_destroy(&made);
        return status;
    }
    made->hop = params->hop;
    made->window = malloc(params->size * sizeof(float));
    made->scratch = malloc(ak_fft_scratch_count(made->plan) * sizeof(float));
    if (made->window == NULL || made->scratch == NULL) {
        ak_stft_destroy(&made);
        return AK_ERROR_OUT_OF_MEMORY;
    }
    ak_window_hann(made->window, params->size);
    *stft = made;
    return AK_OK;
}

void ak_stft_destroy(ak_stft **stft) {
    if (stft == NULL || *stft == NULL) return;
    ak_fft_destroy(&(*stft)->plan);
    free((*stft)->window);
    free((*stft)->scratch);
    free(*stft);
    *stft = NULL;
}

ak_status ak_stft_process(
    ak_stft *stft, const float *signal, size_t frames, float *real, float *imag, size_t frame_stride) {
    if (!stft || !signal || !real || !imag) return AK_ERROR_INVALID_ARGUMENT;
    const ak_fft *plan = stft->plan;
    if (frame_stride < plan->half + 1) return AK_ERROR_INVALID_ARGUMENT;
    for (size_t f = 0; f < frames; f++) {
        ak_fft_planes planes = ak_fft_planes_in(plan, stft->scratch);
        plan->ops->split_windowed(signal + f * stft->hop, stft->window, plan->half, planes.real, planes.imag);
        planes = plan->ops->transform(plan, planes);
        plan->ops->unpack(plan, planes.real, planes.imag, real + f * frame_stride, imag + f * frame_stride);
    }
    return AK_OK;
}
