#pragma once
#include "ak_fft.h"
#include "ak_gain.h"
#include "ak_mask.h"
#include "ak_onnx.h"
#include "ak_simd.h"
#include "ak_status.h"
#include "ak_stft.h"
