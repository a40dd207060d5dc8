#pragma once
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/dict.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

// Function-like macros and casts that the importer cannot see.
static inline int cadenza_averror(int code) { return AVERROR(code); }
static inline int cadenza_averror_eof(void) { return AVERROR_EOF; }
static inline int cadenza_averror_invaliddata(void) { return AVERROR_INVALIDDATA; }
static inline int64_t cadenza_no_pts(void) { return AV_NOPTS_VALUE; }
