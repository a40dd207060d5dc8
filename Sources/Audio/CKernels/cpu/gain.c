#include "ak_gain.h"

#include "row_ops.h"

ak_status ak_peak(const float *signal, size_t count, float *peak, ak_simd simd) {
    const ak_row_ops *ops;
    if (!signal || !peak) return AK_ERROR_INVALID_ARGUMENT;
    const ak_status status = ak_row_ops_choose(simd, &ops);
    if (status == AK_OK) *peak = ops->peak(signal, count);
    return status;
}

ak_status ak_gain_apply(float *signal, size_t count, float gain, ak_simd simd) {
    const ak_row_ops *ops;
    if (!signal) return AK_ERROR_INVALID_ARGUMENT;
    const ak_status status = ak_row_ops_choose(simd, &ops);
    if (status == AK_OK) ops->scale(signal, count, gain);
    return status;
}

ak_status ak_gain_add(float *accumulator, const float *signal, size_t count, float gain, ak_simd simd) {
    const ak_row_ops *ops;
    if (!accumulator || !signal) return AK_ERROR_INVALID_ARGUMENT;
    const ak_status status = ak_row_ops_choose(simd, &ops);
    if (status == AK_OK) ops->add_scaled(accumulator, signal, count, gain);
    return status;
}

ak_status ak_interleave(
    const float *const *planes, size_t channels, size_t frames, float *interleaved, ak_simd simd) {
    const ak_row_ops *ops;
    if (!planes || !interleaved || channels == 0) return AK_ERROR_INVALID_ARGUMENT;
    for (size_t c = 0; c < channels; c++) {
        if (!planes[c]) return AK_ERROR_INVALID_ARGUMENT;
    }
    const ak_status status = ak_row_ops_choose(simd, &ops);
    if (status != AK_OK) return status;
    if (channels == 2) {
        ops->interleave_pair(planes[0], planes[1], frames, interleaved);
        return AK_OK;
    }
    for (size_t n = 0; n < frames; n++) {
        for (size_t c = 0; c < channels; c++) interleaved[n * channels + c] = planes[c][n];
    }
    return AK_OK;
}

ak_status ak_deinterleave(
    const float *interleaved, size_t channels, size_t frames, float *const *planes, ak_simd simd) {
    const ak_row_ops *ops;
    if (!planes || !interleaved || channels == 0) return AK_ERROR_INVALID_ARGUMENT;
    for (size_t c = 0; c < channels; c++) {
        if (!planes[c]) return AK_ERROR_INVALID_ARGUMENT;
    }
    const ak_status status = ak_row_ops_choose(simd, &ops);
    if (status != AK_OK) return status;
    if (channels == 2) {
        ops->deinterleave_pair(interleaved, frames, planes[0], planes[1]);
        return AK_OK;
    }
    for (size_t n = 0; n < frames; n++) {
        for (size_t c = 0; c < channels; c++) planes[c][n] = interleaved[n * channels + c];
    }
    return AK_OK;
}
