#pragma once

/// Marks the public C API: the library is compiled with hidden visibility.
#define AK_API __attribute__((visibility("default")))
/// The same for calls whose status must be looked at.
#define AK_CHECKED __attribute__((visibility("default"), warn_unused_result))

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
AK_API const char *ak_status_name(ak_status status);
