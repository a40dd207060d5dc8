#pragma once
#include <stddef.h>

/// A file of the web page, as it was when the program was built.
struct cadenza_asset {
    const char *name;
    const unsigned char *bytes;
    size_t byte_count;
};

/// The file at `index`, NULL behind the last one. Lives for ever.
const struct cadenza_asset *cadenza_asset_at(size_t index);
