#include "ak_status.h"

const char *ak_status_name(ak_status status) {
    switch (status) {
    case AK_OK: return "ok";
    case AK_ERROR_INVALID_ARGUMENT: return "invalid argument";
    case AK_ERROR_OUT_OF_MEMORY: return "out of memory";
    case AK_ERROR_NOT_FOUND: return "not found";
    case AK_ERROR_UNSUPPORTED: return "unsupported";
    case AK_ERROR_RUNTIME: return "runtime error";
    case AK_ERROR_CANCELED: return "canceled";
    }
    return "unknown status";
}
