#pragma once
#include <stddef.h>

/// Writes the periodic Hann window: 0.5 − 0.5·cos(2πn/size).
void ak_window_hann(float *window, size_t size);
