#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ak_stft.h"
#include "fft_plan.h"
#include "stft_window.h"

struct ak_istft {
    ak_fft *plan;
    size_t hop;
    /// Frames so far; counts no further than `overlap`, from where on every hop is alike.
    size_t frames;
    /// Frames that reach one sample: size/hop rounded up.
    size_t overlap;
    float *window;
    /// Windowed sums of the samples from the next frame's first on: size floats, the last hop of them zero.
    float *sum;
    /// 1 / Σ window² over a hop that all `overlap` frames reach.
    float *steady;
    float *scratch;
};

/// 1 / Σ window², floored, of sample `offset` behind the first sample of the newest frame, counting that frame and
/// those before it.
static float reciprocal(const ak_istft *istft, size_t offset, size_t frames) {
    double sum = 0;
    for (size_t back = 0; back < frames; back++) {
        const size_t n = offset + back * istft->hop;
        if (n >= istft->plan->size) break;
        sum += (double)istft->window[n] * (double)istft->window[n];
    }
    return (float)(1.0 / fmax(sum, AK_ISTFT_WINDOW_SUM_FLOOR));
}

ak_status ak_istft_create(const ak_stft_params *params, ak_istft **istft) {
    if (istft == NULL) return AK_ERROR_INVALID_ARGUMENT;
    *istft = NULL;
    if (params == NULL || params->hop == 0 || params->hop > params->size / 2) return AK_ERROR_INVALID_ARGUMENT;
    ak_istft *made = calloc(1, sizeof *made);
    if (made == NULL) return AK_ERROR_OUT_OF_MEMORY;
    const ak_fft_params fft = {.size = params->size, .simd = params->simd};
    const ak_status status = ak_fft_create(&fft, &made->plan);
    if (status != AK_OK) {
        ak_istft_destroy(&made);
        return status;
    }
    made->hop = params->hop;
    made->overlap = (params->size + params->hop - 1) / params->hop;
    made->window = malloc(params->size * sizeof(float));
    made->sum = calloc(params->size, sizeof(float));
    made->steady = malloc(params->hop * sizeof(float));
    made->scratch = malloc(ak_fft_scratch_count(made->plan) * sizeof(float));
    if (!made->window || !made->sum || !made->steady || !made->scratch) {
        ak_istft_destroy(&made);
        return AK_ERROR_OUT_OF_MEMORY;
    }
    ak_window_hann(made->window, params->size);
    for (size_t n = 0; n < made->hop; n++) made->steady[n] = reciprocal(made, n, made->overlap);
    *istft = made;
    return AK_OK;
}

void ak_istft_destroy(ak_istft **istft) {
    if (istft == NULL || *istft == NULL) return;
    ak_fft_destroy(&(*istft)->plan);
    free((*istft)->window);
    free((*istft)->sum);
    free((*istft)->steady);
    free((*istft)->scratch);
    free(*istft);
    *istft = NULL;
}

static void add_frame(ak_istft *istft, const float *real, const float *imag) {
    const ak_fft *plan = istft->plan;
    ak_fft_planes planes = ak_fft_planes_in(plan, istft->scratch);
    plan->ops->pack(plan, real, imag, planes.real, planes.imag);
    planes = ak_fft_transform_inverse(plan, planes);
    plan->ops->join_add(planes.real, planes.imag, istft->window, plan->half, istft->sum);
}

ak_status ak_istft_process(
    ak_istft *istft, const float *real, const float *imag, size_t frame_stride, size_t frames, float *output) {
    if (!istft || !real || !imag || !output) return AK_ERROR_INVALID_ARGUMENT;
    const size_t size = istft->plan->size, hop = istft->hop;
    if (frame_stride < size / 2 + 1) return AK_ERROR_INVALID_ARGUMENT;
    for (size_t f = 0; f < frames; f++, output += hop) {
        add_frame(istft, real + f * frame_stride, imag + f * frame_stride);
        if (istft->frames < istft->overlap) istft->frames++;
        if (istft->frames == istft->overlap) {
            for (size_t n = 0; n < hop; n++) output[n] = istft->sum[n] * istft->steady[n];
        } else {
            for (size_t n = 0; n < hop; n++) output[n] = istft->sum[n] * reciprocal(istft, n, istft->frames);
        }
        memmove(istft->sum, istft->sum + hop, (size - hop) * sizeof(float));
        memset(istft->sum + size - hop, 0, hop * sizeof(float));
    }
    return AK_OK;
}

ak_status ak_istft_finish(ak_istft *istft, float *output) {
    if (!istft || !output) return AK_ERROR_INVALID_ARGUMENT;
    const size_t size = istft->plan->size, hop = istft->hop;
    for (size_t n = 0; n < size - hop; n++) {
        output[n] = istft->sum[n] * reciprocal(istft, n + hop, istft->frames);
    }
    ak_istft_reset(istft);
    return AK_OK;
}

void ak_istft_reset(ak_istft *istft) {
    if (istft == NULL) return;
    istft->frames = 0;
    memset(istft->sum, 0, istft->plan->size * sizeof(float));
}
