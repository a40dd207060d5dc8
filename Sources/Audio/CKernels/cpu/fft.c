#include "fft_plan.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

// Planes a power of two apart would fall on the same cache sets: PLANE_GAP floats keep them off each other.
enum { LINE_BYTES = 64, LINE_FLOATS = 16, PLANE_GAP = 3 * LINE_FLOATS };

static const double TAU = 6.283185307179586476925286766559;

static void write_stage_twiddles(ak_fft *plan) {
    float *w = plan->stage_twiddles;
    for (size_t n = plan->rows; n >= 4; n /= 4) {
        for (size_t p = 0; p < n / 4; p++) {
            for (size_t power = 1; power <= 3; power++) {
                const double angle = TAU * (double)(p * power) / (double)n;
                *w++ = (float)cos(angle);
                *w++ = (float)-sin(angle);
            }
        }
    }
}

static void write_lane_twiddles(ak_fft *plan) {
    const size_t lanes = plan->ops->lanes;
    float *w = plan->lane_twiddles;
    for (size_t row = 0; row < plan->rows; row += lanes) {
        for (size_t lane = 1; lane < lanes; lane++, w += 2 * lanes) {
            for (size_t i = 0; i < lanes; i++) {
                const double angle = TAU * (double)(lane * (row + i)) / (double)plan->half;
                w[i] = (float)cos(angle);
                w[lanes + i] = (float)-sin(angle);
            }
        }
    }
}

static void write_unpack_twiddles(ak_fft *plan) {
    for (size_t k = 0; k <= plan->half / 2; k++) {
        const double angle = TAU * (double)k / (double)plan->size;
        plan->unpack_cos[k] = (float)cos(angle);
        plan->unpack_sin[k] = (float)-sin(angle);
    }
}

static ak_status choose_ops(ak_simd requested, size_t size, const ak_fft_ops **ops) {
    ak_simd simd;
    const ak_status status = ak_simd_resolve(requested, &simd);
    if (status != AK_OK) return status;
    *ops = &ak_fft_ops_scalar;
#if defined(__x86_64__)
    // The lanes are combined in blocks of 8 rows of 8: smaller transforms have no such block.
    if (simd == AK_SIMD_AVX2 && size >= 2 * 8 * 8) *ops = &ak_fft_ops_avx2;
#else
    (void)size;
#endif
    return AK_OK;
}

ak_status ak_fft_create(const ak_fft_params *params, ak_fft **plan) {
    if (plan == NULL) return AK_ERROR_INVALID_ARGUMENT;
    *plan = NULL;
    if (params == NULL) return AK_ERROR_INVALID_ARGUMENT;
    const size_t size = params->size;
    if (size < AK_FFT_SIZE_MIN || size > AK_FFT_SIZE_MAX || (size & (size - 1)) != 0) {
        return AK_ERROR_INVALID_ARGUMENT;
    }
    const ak_fft_ops *ops;
    const ak_status status = choose_ops(params->simd, size, &ops);
    if (status != AK_OK) return status;
    ak_fft *made = calloc(1, sizeof *made);
    if (made == NULL) return AK_ERROR_OUT_OF_MEMORY;
    made->size = size;
    made->half = size / 2;
    made->rows = made->half / ops->lanes;
    made->ops = ops;
    const size_t unpack_count = made->half / 2 + 1;
    made->stage_twiddles = malloc(2 * made->rows * sizeof(float));
    made->lane_twiddles = malloc(2 * made->half * sizeof(float));
    made->unpack_cos = malloc(unpack_count * sizeof(float));
    made->unpack_sin = malloc(unpack_count * sizeof(float));
    if (!made->stage_twiddles || !made->lane_twiddles || !made->unpack_cos || !made->unpack_sin) {
        ak_fft_destroy(&made);
        return AK_ERROR_OUT_OF_MEMORY;
    }
    write_stage_twiddles(made);
    write_lane_twiddles(made);
    write_unpack_twiddles(made);
    *plan = made;
    return AK_OK;
}

void ak_fft_destroy(ak_fft **plan) {
    if (plan == NULL || *plan == NULL) return;
    free((*plan)->stage_twiddles);
    free((*plan)->lane_twiddles);
    free((*plan)->unpack_cos);
    free((*plan)->unpack_sin);
    free(*plan);
    *plan = NULL;
}

size_t ak_fft_scratch_count(const ak_fft *plan) {
    return plan == NULL ? 0 : 4 * (plan->half + PLANE_GAP) + LINE_FLOATS;
}

ak_fft_planes ak_fft_planes_in(const ak_fft *plan, float *scratch) {
    const uintptr_t over = (uintptr_t)scratch % LINE_BYTES;
    float *base = over == 0 ? scratch : scratch + (LINE_BYTES - over) / sizeof(float);
    const size_t step = plan->half + PLANE_GAP;
    return (ak_fft_planes){base, base + step, base + 2 * step, base + 3 * step};
}

ak_fft_planes ak_fft_transform_inverse(const ak_fft *plan, ak_fft_planes planes) {
    // Exchanging the parts of input and output conjugates both, which turns the transform round.
    const ak_fft_planes turned = {planes.imag, planes.real, planes.next_imag, planes.next_real};
    const ak_fft_planes done = plan->ops->transform(plan, turned);
    return (ak_fft_planes){done.imag, done.real, done.next_imag, done.next_real};
}

ak_status ak_fft_forward(const ak_fft *plan, const float *signal, float *real, float *imag, float *scratch) {
    if (!plan || !signal || !real || !imag || !scratch) return AK_ERROR_INVALID_ARGUMENT;
    ak_fft_planes planes = ak_fft_planes_in(plan, scratch);
    plan->ops->split(signal, plan->half, planes.real, planes.imag);
    planes = plan->ops->transform(plan, planes);
    plan->ops->unpack(plan, planes.real, planes.imag, real, imag);
    return AK_OK;
}

ak_status ak_fft_inverse(
    const ak_fft *plan, const float *real, const float *imag, float *signal, float *scratch) {
    if (!plan || !real || !imag || !signal || !scratch) return AK_ERROR_INVALID_ARGUMENT;
    ak_fft_planes planes = ak_fft_planes_in(plan, scratch);
    plan->ops->pack(plan, real, imag, planes.real, planes.imag);
    planes = ak_fft_transform_inverse(plan, planes);
    plan->ops->join(planes.real, planes.imag, plan->half, signal);
    return AK_OK;
}
