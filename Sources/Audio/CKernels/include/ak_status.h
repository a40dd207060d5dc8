#pragma once

/// The answer of every fallible call of the C API.
typedef enum ak_status {
    AK_OK = 0,
    AK_ERROR_INVALID_ARGUMENT = -1,
    AK_ERROR_OUT_OF_MEMORY = -2,
    AK_ERROR_NOT_FOUND = -3,
    AK_ERROR_UNSUPPORTED = -4,
    AK_ERROR_RUNTIME = -5,
    AK_ERROR_CANCELED = -6,
} ak_status;

/// A short English name of `status`, never NULL, static storage.
__attribute__((visibility("default"))) const char *ak_status_name(ak_status status);
