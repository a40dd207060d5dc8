#pragma once
#include <zlib.h>

// inflateInit2 is a macro, which the importer cannot see. Raw deflate: no zlib header, as in zip entries.
static inline int cadenza_inflate_raw_init(z_stream *stream) { return inflateInit2(stream, -MAX_WBITS); }
