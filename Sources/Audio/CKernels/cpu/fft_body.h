// The transform for one vector width. The including file defines AK_LANES, AK_FN(name), the type `vec` of AK_LANES
// floats, and load, store, reverse, load_pairs and store_pairs on it.

static inline ak_fft_planes AK_FN(swapped)(ak_fft_planes p) {
    return (ak_fft_planes){p.next_real, p.next_imag, p.real, p.imag};
}

/// One Stockham stage of radix 4 over transforms of `n` points, `stride` floats apart.
static void AK_FN(radix4)(size_t n, size_t stride, const float *twiddles, ak_fft_planes planes) {
    const size_t quarter = n / 4 * stride;
    for (size_t p = 0; p < n / 4; p++) {
        const float *w = twiddles + 6 * p;
        const float *xr = planes.real + p * stride, *xi = planes.imag + p * stride;
        float *restrict yr = planes.next_real + 4 * p * stride;
        float *restrict yi = planes.next_imag + 4 * p * stride;
        for (size_t q = 0; q < stride; q += AK_LANES) {
            const vec ar = load(xr + q), ai = load(xi + q);
            const vec br = load(xr + q + quarter), bi = load(xi + q + quarter);
            const vec cr = load(xr + q + 2 * quarter), ci = load(xi + q + 2 * quarter);
            const vec dr = load(xr + q + 3 * quarter), di = load(xi + q + 3 * quarter);
            const vec sr = ar + cr, si = ai + ci, tr = ar - cr, ti = ai - ci;
            const vec ur = br + dr, ui = bi + di, vr = br - dr, vi = bi - di;
            const vec er = tr + vi, ei = ti - vr, fr = sr - ur, fi = si - ui, gr = tr - vi, gi = ti + vr;
            store(yr + q, sr + ur);
            store(yi + q, si + ui);
            store(yr + q + stride, er * w[0] - ei * w[1]);
            store(yi + q + stride, er * w[1] + ei * w[0]);
            store(yr + q + 2 * stride, fr * w[2] - fi * w[3]);
            store(yi + q + 2 * stride, fr * w[3] + fi * w[2]);
            store(yr + q + 3 * stride, gr * w[4] - gi * w[5]);
            store(yi + q + 3 * stride, gr * w[5] + gi * w[4]);
        }
    }
}

static void AK_FN(radix2)(size_t stride, ak_fft_planes planes) {
    for (size_t q = 0; q < stride; q += AK_LANES) {
        const vec ar = load(planes.real + q), ai = load(planes.imag + q);
        const vec br = load(planes.real + q + stride), bi = load(planes.imag + q + stride);
        store(planes.next_real + q, ar + br);
        store(planes.next_imag + q, ai + bi);
        store(planes.next_real + q + stride, ar - br);
        store(planes.next_imag + q + stride, ai - bi);
    }
}

static ak_fft_planes AK_FN(vertical)(const ak_fft *plan, ak_fft_planes planes) {
    const float *twiddles = plan->stage_twiddles;
    size_t n = plan->rows, stride = AK_LANES;
    for (; n >= 4; n /= 4, stride *= 4) {
        AK_FN(radix4)(n, stride, twiddles, planes);
        twiddles += n / 4 * 6;
        planes = AK_FN(swapped)(planes);
    }
    if (n == 2) {
        AK_FN(radix2)(stride, planes);
        planes = AK_FN(swapped)(planes);
    }
    return planes;
}

static void AK_FN(split)(const float *signal, size_t half, float *real, float *imag) {
    for (size_t n = 0; n < half; n += AK_LANES) {
        vec even, odd;
        load_pairs(signal + 2 * n, &even, &odd);
        store(real + n, even);
        store(imag + n, odd);
    }
}

static void AK_FN(split_windowed)(const float *signal, const float *window, size_t half, float *real, float *imag) {
    for (size_t n = 0; n < half; n += AK_LANES) {
        vec even, odd, even_window, odd_window;
        load_pairs(signal + 2 * n, &even, &odd);
        load_pairs(window + 2 * n, &even_window, &odd_window);
        store(real + n, even * even_window);
        store(imag + n, odd * odd_window);
    }
}

static void AK_FN(join)(const float *real, const float *imag, size_t half, float *signal) {
    for (size_t n = 0; n < half; n += AK_LANES) store_pairs(signal + 2 * n, load(real + n), load(imag + n));
}

static void AK_FN(join_add)(
    const float *real, const float *imag, const float *window, size_t half, float *sum) {
    for (size_t n = 0; n < half; n += AK_LANES) {
        vec even, odd, even_window, odd_window;
        load_pairs(sum + 2 * n, &even, &odd);
        load_pairs(window + 2 * n, &even_window, &odd_window);
        store_pairs(sum + 2 * n, even + load(real + n) * even_window, odd + load(imag + n) * odd_window);
    }
}

// Both directions use the symmetry of a real signal's transform: with Z the half-size spectrum, E and O the spectra of
// the even and odd samples, E = (Z[k] + conj Z[half−k])/2, O = (Z[k] − conj Z[half−k])/2i, and X[k] = E + w^k·O,
// X[half−k] = conj(E − w^k·O). The last block overlaps the one before it rather than leave a tail.

static void AK_FN(unpack)(const ak_fft *plan, const float *zr, const float *zi, float *real, float *imag) {
    const size_t half = plan->half, last = half / 2 + 1 - AK_LANES;
    real[0] = zr[0] + zi[0];
    imag[0] = 0;
    real[half] = zr[0] - zi[0];
    imag[half] = 0;
    for (size_t k = 1;; k += AK_LANES) {
        if (k > last) k = last;
        const size_t mirror = half - k - (AK_LANES - 1);
        const vec a = load(zr + k), b = load(zi + k);
        const vec c = reverse(load(zr + mirror)), d = reverse(load(zi + mirror));
        const vec wr = load(plan->unpack_cos + k), wi = load(plan->unpack_sin + k);
        const vec er = (a + c) * 0.5f, ei = (b - d) * 0.5f, or_ = (b + d) * 0.5f, oi = (c - a) * 0.5f;
        const vec pr = or_ * wr - oi * wi, pi = or_ * wi + oi * wr;
        store(real + k, er + pr);
        store(imag + k, ei + pi);
        store(real + mirror, reverse(er - pr));
        store(imag + mirror, reverse(pi - ei));
        if (k == last) return;
    }
}

static void AK_FN(pack)(const ak_fft *plan, const float *real, const float *imag, float *zr, float *zi) {
    const size_t half = plan->half, last = half / 2 + 1 - AK_LANES;
    const float scale = 0.5f / (float)half;
    zr[0] = (real[0] + real[half]) * scale;
    zi[0] = (real[0] - real[half]) * scale;
    for (size_t k = 1;; k += AK_LANES) {
        if (k > last) k = last;
        const size_t mirror = half - k - (AK_LANES - 1);
        const vec a = load(real + k), b = load(imag + k);
        const vec c = reverse(load(real + mirror)), d = reverse(load(imag + mirror));
        const vec wr = load(plan->unpack_cos + k), wi = load(plan->unpack_sin + k);
        const vec er = (a + c) * scale, ei = (b - d) * scale, dr = (a - c) * scale, di = (b + d) * scale;
        const vec or_ = dr * wr + di * wi, oi = di * wr - dr * wi;
        store(zr + k, er - oi);
        store(zi + k, ei + or_);
        store(zr + mirror, reverse(er + oi));
        store(zi + mirror, reverse(or_ - ei));
        if (k == last) return;
    }
}
