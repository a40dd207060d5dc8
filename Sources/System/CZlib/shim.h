#pragma once
#include <zlib.h>

// inflateInit2 is a macro, which the importer cannot see. Raw deflate: no zlib header, as in zip entries.
static inline int cadenza_inflate_raw_init(z_stream *stream) { return inflateInit2(stream, -MAX_WBITS); }

// As WebSocket messages have them (RFC 7692): raw deflate with a window of 2^window_bits bytes.
static inline int cadenza_message_inflate_init(z_stream *stream, int window_bits) {
    return inflateInit2(stream, -window_bits);
}

static inline int cadenza_message_deflate_init(z_stream *stream, int level, int window_bits, int memory_level) {
    return deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
}
