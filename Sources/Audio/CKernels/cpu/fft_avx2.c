#include "fft_plan.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

typedef __m256 vec;
#define AK_LANES 8
#define AK_FN(name) name##_avx2

static inline vec load(const float *p) { return _mm256_loadu_ps(p); }
static inline void store(float *p, vec v) { _mm256_storeu_ps(p, v); }
static inline vec reverse(vec v) { return __builtin_shufflevector(v, v, 7, 6, 5, 4, 3, 2, 1, 0); }

static inline void load_pairs(const float *p, vec *even, vec *odd) {
    const vec low = load(p), high = load(p + 8);
    *even = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
    *odd = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
}

static inline void store_pairs(float *p, vec even, vec odd) {
    store(p, __builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11));
    store(p + 8, __builtin_shufflevector(even, odd, 4, 12, 5, 13, 6, 14, 7, 15));
}

#include "fft_body.h"

/// Loads 8 rows of 8 floats and returns their columns.
static inline void load_transposed(const float *p, vec column[8]) {
    vec r[8], t[8], s[8];
    for (int i = 0; i < 8; i++) r[i] = load(p + 8 * i);
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        s[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        s[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        s[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        s[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        column[i] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x20);
        column[i + 4] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x31);
    }
}

/// One 4-point transform over (re, im)[0, 2, 4, 6] from `at`, results in natural order.
static inline void four_points(const vec *re, const vec *im, vec *out_re, vec *out_im) {
    const vec ar = re[0] + re[4], ai = im[0] + im[4], br = re[0] - re[4], bi = im[0] - im[4];
    const vec cr = re[2] + re[6], ci = im[2] + im[6], dr = re[2] - re[6], di = im[2] - im[6];
    out_re[0] = ar + cr;
    out_im[0] = ai + ci;
    out_re[1] = br + di;
    out_im[1] = bi - dr;
    out_re[2] = ar - cr;
    out_im[2] = ai - ci;
    out_re[3] = br - di;
    out_im[3] = bi + dr;
}

/// Joins the lanes' transforms: output[k + rows·m] = Σ_j w^(jk)·lane_j[k]·e^(−2πi·jm/8).
static void combine_avx2(const ak_fft *plan, ak_fft_planes planes) {
    const size_t rows = plan->rows;
    const vec root = _mm256_set1_ps(0.70710678118654752f);
    for (size_t k = 0; k < rows; k += 8) {
        const float *w = plan->lane_twiddles + k * 14;
        vec re[8], im[8], er[4], ei[4], odd_re[4], odd_im[4];
        load_transposed(planes.real + 8 * k, re);
        load_transposed(planes.imag + 8 * k, im);
        for (int j = 1; j < 8; j++, w += 16) {
            const vec wr = load(w), wi = load(w + 8), r = re[j];
            re[j] = r * wr - im[j] * wi;
            im[j] = r * wi + im[j] * wr;
        }
        four_points(re, im, er, ei);
        four_points(re + 1, im + 1, odd_re, odd_im);
        const vec turned_re[4] = {
            odd_re[0], (odd_re[1] + odd_im[1]) * root, odd_im[2], (odd_im[3] - odd_re[3]) * root};
        const vec turned_im[4] = {
            odd_im[0], (odd_im[1] - odd_re[1]) * root, -odd_re[2], -(odd_im[3] + odd_re[3]) * root};
        for (size_t m = 0; m < 4; m++) {
            store(planes.next_real + k + rows * m, er[m] + turned_re[m]);
            store(planes.next_imag + k + rows * m, ei[m] + turned_im[m]);
            store(planes.next_real + k + rows * (m + 4), er[m] - turned_re[m]);
            store(planes.next_imag + k + rows * (m + 4), ei[m] - turned_im[m]);
        }
    }
}

static ak_fft_planes transform_avx2(const ak_fft *plan, ak_fft_planes planes) {
    planes = vertical_avx2(plan, planes);
    combine_avx2(plan, planes);
    return swapped_avx2(planes);
}

#pragma clang attribute pop

const ak_fft_ops ak_fft_ops_avx2 = {
    .lanes = AK_LANES,
    .split_windowed = split_windowed_avx2,
    .split = split_avx2,
    .transform = transform_avx2,
    .unpack = unpack_avx2,
    .pack = pack_avx2,
    .join = join_avx2,
    .join_add = join_add_avx2,
};
#endif
