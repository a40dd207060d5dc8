#include "fft_plan.h"

typedef float vec;
#define AK_LANES 1
#define AK_FN(name) name##_scalar

static inline vec load(const float *p) { return *p; }
static inline void store(float *p, vec v) { *p = v; }
static inline vec reverse(vec v) { return v; }

static inline void load_pairs(const float *p, vec *even, vec *odd) {
    *even = p[0];
    *odd = p[1];
}

static inline void store_pairs(float *p, vec even, vec odd) {
    p[0] = even;
    p[1] = odd;
}

#include "fft_body.h"

const ak_fft_ops ak_fft_ops_scalar = {
    .lanes = AK_LANES,
    .split_windowed = split_windowed_scalar,
    .split = split_scalar,
    .transform = vertical_scalar,
    .unpack = unpack_scalar,
    .pack = pack_scalar,
    .join = join_scalar,
    .join_add = join_add_scalar,
};
