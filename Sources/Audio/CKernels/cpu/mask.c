#include "ak_mask.h"

#include <stdlib.h>
#include <string.h>

#include "row_ops.h"

static const float EPSILON = 1e-10f;

struct ak_mask {
    const ak_row_ops *ops;
    size_t sources, known_bins, bins;
    /// One row of 1 / (Σ m² + ε), then one row of a source's mask.
    float *inverse, *row;
};

ak_status ak_mask_create(const ak_mask_params *params, ak_mask **mask) {
    if (mask == NULL) return AK_ERROR_INVALID_ARGUMENT;
    *mask = NULL;
    if (params == NULL || params->sources == 0 || params->sources > AK_MASK_SOURCES_MAX ||
        params->known_bins == 0 || params->known_bins > params->bins) {
        return AK_ERROR_INVALID_ARGUMENT;
    }
    const ak_row_ops *ops;
    const ak_status status = ak_row_ops_choose(params->simd, &ops);
    if (status != AK_OK) return status;
    ak_mask *made = calloc(1, sizeof *made);
    if (made == NULL) return AK_ERROR_OUT_OF_MEMORY;
    *made = (ak_mask){ops, params->sources, params->known_bins, params->bins, NULL, NULL};
    made->inverse = malloc(params->known_bins * sizeof(float));
    made->row = malloc(params->bins * sizeof(float));
    if (made->inverse == NULL || made->row == NULL) {
        ak_mask_destroy(&made);
        return AK_ERROR_OUT_OF_MEMORY;
    }
    *mask = made;
    return AK_OK;
}

void ak_mask_destroy(ak_mask **mask) {
    if (mask == NULL || *mask == NULL) return;
    free((*mask)->inverse);
    free((*mask)->row);
    free(*mask);
    *mask = NULL;
}

static void prepare_frame(ak_mask *mask, const float *const *estimates, size_t offset) {
    memset(mask->inverse, 0, mask->known_bins * sizeof(float));
    for (size_t s = 0; s < mask->sources; s++) {
        mask->ops->add_square(estimates[s] + offset, mask->known_bins, mask->inverse);
    }
    mask->ops->invert(mask->inverse, mask->known_bins, EPSILON);
}

static void write_mask(ak_mask *mask, const float *estimate, float *row) {
    const float share = EPSILON / (float)mask->sources;
    const float sum = mask->ops->ratio(estimate, mask->inverse, mask->known_bins, share, row);
    const float mean = sum / (float)mask->known_bins;
    for (size_t n = mask->known_bins; n < mask->bins; n++) row[n] = mean;
}

ak_status ak_mask_compute(
    ak_mask *mask, const float *const *estimates, size_t estimate_stride, size_t frames, float *const *masks,
    size_t mask_stride) {
    if (!mask || !estimates || !masks) return AK_ERROR_INVALID_ARGUMENT;
    if (estimate_stride < mask->known_bins || mask_stride < mask->bins) return AK_ERROR_INVALID_ARGUMENT;
    for (size_t s = 0; s < mask->sources; s++) {
        if (!estimates[s] || !masks[s]) return AK_ERROR_INVALID_ARGUMENT;
    }
    for (size_t f = 0; f < frames; f++) {
        prepare_frame(mask, estimates, f * estimate_stride);
        for (size_t s = 0; s < mask->sources; s++) {
            write_mask(mask, estimates[s] + f * estimate_stride, masks[s] + f * mask_stride);
        }
    }
    return AK_OK;
}

ak_status ak_mask_apply(
    ak_mask *mask, const float *const *estimates, size_t estimate_stride, size_t frames, const float *mix_real,
    const float *mix_imag, size_t mix_stride, float *const *real, float *const *imag, size_t out_stride) {
    if (!mask || !estimates || !mix_real || !mix_imag || !real || !imag) return AK_ERROR_INVALID_ARGUMENT;
    if (estimate_stride < mask->known_bins || mix_stride < mask->bins || out_stride < mask->bins) {
        return AK_ERROR_INVALID_ARGUMENT;
    }
    for (size_t s = 0; s < mask->sources; s++) {
        if (!estimates[s] || !real[s] || !imag[s]) return AK_ERROR_INVALID_ARGUMENT;
    }
    for (size_t f = 0; f < frames; f++) {
        prepare_frame(mask, estimates, f * estimate_stride);
        for (size_t s = 0; s < mask->sources; s++) {
            write_mask(mask, estimates[s] + f * estimate_stride, mask->row);
            mask->ops->multiply(
                mask->row, mix_real + f * mix_stride, mix_imag + f * mix_stride, mask->bins,
                real[s] + f * out_stride, imag[s] + f * out_stride);
        }
    }
    return AK_OK;
}

ak_status ak_magnitude(
    const float *real, const float *imag, size_t stride, size_t frames, size_t bins, float *out, size_t out_stride,
    ak_simd simd) {
    if (!real || !imag || !out || stride < bins || out_stride < bins) return AK_ERROR_INVALID_ARGUMENT;
    const ak_row_ops *ops;
    const ak_status status = ak_row_ops_choose(simd, &ops);
    if (status != AK_OK) return status;
    for (size_t f = 0; f < frames; f++) {
        ops->magnitude(real + f * stride, imag + f * stride, bins, out + f * out_stride);
    }
    return AK_OK;
}
