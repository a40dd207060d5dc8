// Plain loops that the compiler vectorises for the instruction set that the including file selects. That file defines
// AK_FN(name). Where a sum's order would forbid that, AK_SUMS partial sums make the order explicit.

static float AK_FN(peak)(const float *x, size_t count) {
    // As integers the bit patterns of |x| order like the values, with NaN above infinity.
    uint32_t most = 0;
    for (size_t n = 0; n < count; n++) {
        uint32_t bits;
        memcpy(&bits, x + n, sizeof bits);
        bits &= 0x7fffffffU;
        most = bits > most ? bits : most;
    }
    float peak;
    memcpy(&peak, &most, sizeof peak);
    return peak;
}

static void AK_FN(scale)(float *x, size_t count, float gain) {
    for (size_t n = 0; n < count; n++) x[n] *= gain;
}

static void AK_FN(add_scaled)(float *restrict sum, const float *restrict x, size_t count, float gain) {
    for (size_t n = 0; n < count; n++) sum[n] += x[n] * gain;
}

static void AK_FN(interleave_pair)(
    const float *restrict left, const float *restrict right, size_t frames, float *restrict out) {
    for (size_t n = 0; n < frames; n++) {
        out[2 * n] = left[n];
        out[2 * n + 1] = right[n];
    }
}

static void AK_FN(deinterleave_pair)(
    const float *restrict in, size_t frames, float *restrict left, float *restrict right) {
    for (size_t n = 0; n < frames; n++) {
        left[n] = in[2 * n];
        right[n] = in[2 * n + 1];
    }
}

static void AK_FN(magnitude)(
    const float *restrict real, const float *restrict imag, size_t count, float *restrict out) {
    for (size_t n = 0; n < count; n++) out[n] = sqrtf(real[n] * real[n] + imag[n] * imag[n]);
}

static void AK_FN(add_square)(const float *restrict x, size_t count, float *restrict sum) {
    for (size_t n = 0; n < count; n++) sum[n] += x[n] * x[n];
}

static void AK_FN(invert)(float *sum, size_t count, float epsilon) {
    for (size_t n = 0; n < count; n++) sum[n] = 1.0f / (sum[n] + epsilon);
}

static float AK_FN(ratio)(
    const float *restrict x, const float *restrict inverse, size_t count, float share, float *restrict mask) {
    float sums[AK_SUMS] = {0};
    size_t n = 0;
    for (; n + AK_SUMS <= count; n += AK_SUMS) {
        for (size_t i = 0; i < AK_SUMS; i++) {
            const float value = (x[n + i] * x[n + i] + share) * inverse[n + i];
            mask[n + i] = value;
            sums[i] += value;
        }
    }
    for (size_t i = 0; n < count; n++, i++) {
        mask[n] = (x[n] * x[n] + share) * inverse[n];
        sums[i] += mask[n];
    }
    for (size_t width = AK_SUMS / 2; width > 0; width /= 2) {
        for (size_t i = 0; i < width; i++) sums[i] += sums[i + width];
    }
    return sums[0];
}

static void AK_FN(multiply)(
    const float *restrict mask, const float *restrict real, const float *restrict imag, size_t count,
    float *restrict out_real, float *restrict out_imag) {
    for (size_t n = 0; n < count; n++) {
        out_real[n] = mask[n] * real[n];
        out_imag[n] = mask[n] * imag[n];
    }
}

static const ak_row_ops AK_FN(ops) = {
    .peak = AK_FN(peak),
    .scale = AK_FN(scale),
    .add_scaled = AK_FN(add_scaled),
    .interleave_pair = AK_FN(interleave_pair),
    .deinterleave_pair = AK_FN(deinterleave_pair),
    .magnitude = AK_FN(magnitude),
    .add_square = AK_FN(add_square),
    .invert = AK_FN(invert),
    .ratio = AK_FN(ratio),
    .multiply = AK_FN(multiply),
};
