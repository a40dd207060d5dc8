#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "onnx_internal.h"

void ak_onnx_fail(ak_onnx_error *error, const char *format, ...) {
    if (error == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
}

/// The library reports exhausted memory as a general failure: only its words tell.
static int tells_of_memory(const char *message) {
    return strstr(message, "Failed to allocate memory") != NULL || strstr(message, "bad_alloc") != NULL;
}

ak_status ak_onnx_take(const ort_table *ort, OrtStatus *status, ak_onnx_error *error) {
    if (status == NULL) return AK_OK;
    const char *message = ort->GetErrorMessage(status);
    ak_onnx_fail(error, "%s", message);
    ak_status answer = AK_ERROR_RUNTIME;
    if (ort->GetErrorCode(status) == ORT_NO_SUCH_FILE) answer = AK_ERROR_NOT_FOUND;
    if (tells_of_memory(message)) answer = AK_ERROR_OUT_OF_MEMORY;
    ort->ReleaseStatus(status);
    return answer;
}

/// Where the process-wide log goes.
typedef struct log_route {
    ak_onnx_log_sink sink;
    void *context;
} log_route;

static void receive_log(
    void *context, int severity, const char *category, const char *log, const char *where, const char *message) {
    const log_route *route = context;
    (void)category, (void)log, (void)where;
    route->sink(route->context, (ak_onnx_severity)severity, message);
}

/// Without a sink the library would write to stderr.
static void drop_log(
    void *context, int severity, const char *category, const char *log, const char *where, const char *message) {
    (void)context, (void)severity, (void)category, (void)log, (void)where, (void)message;
}

static const OrtApiBase *load(const char *path, ak_status *status, ak_onnx_error *error) {
    if (access(path, F_OK) != 0) {
        ak_onnx_fail(error, "%s: no such file", path);
        *status = AK_ERROR_NOT_FOUND;
        return NULL;
    }
    *status = AK_ERROR_UNSUPPORTED;
    // The handle is never closed: the library has threads and exit handlers of its own.
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        ak_onnx_fail(error, "%s", reason == NULL ? "dlopen failed" : reason);
        return NULL;
    }
    const OrtApiBase *(*entry)(void);
    void *symbol = dlsym(library, "OrtGetApiBase");
    if (symbol == NULL) {
        ak_onnx_fail(error, "%s is not ONNX Runtime: it has no OrtGetApiBase", path);
        dlclose(library);
        return NULL;
    }
    memcpy(&entry, &symbol, sizeof entry);
    return entry();
}

static ak_status fill_table(ak_onnx_runtime *runtime, const OrtApiBase *base, ak_onnx_error *error) {
    runtime->version = base->GetVersionString();
    // The table's version is the release's minor number. Asking for more than there is would print to stderr.
    unsigned major = 0, minor = 0;
    const void *const *entries = NULL;
    if (sscanf(runtime->version, "%u.%u", &major, &minor) == 2 && major == 1 && minor >= AK_ONNX_API_VERSION) {
        entries = base->GetApi(AK_ONNX_API_VERSION);
    }
    if (entries == NULL) {
        ak_onnx_fail(error, "ONNX Runtime %s: 1.%d or a later 1.x is needed", runtime->version, AK_ONNX_API_VERSION);
        return AK_ERROR_UNSUPPORTED;
    }
#define ORT_FILL(index, result, name, parameters) memcpy(&runtime->ort.name, &entries[index], sizeof(void *));
    ORT_MEMBERS(ORT_FILL)
#undef ORT_FILL
    return AK_OK;
}

static ak_status start(ak_onnx_runtime *runtime, log_route route, ak_onnx_severity from, ak_onnx_error *error) {
    const ort_table *ort = &runtime->ort;
    OrtStatus *answer;
    if (route.sink == NULL) {
        answer = ort->CreateEnvWithCustomLogger(drop_log, NULL, AK_ONNX_LOG_FATAL, "cadenza", &runtime->env);
    } else {
        // Never freed: another runtime may keep the process's log, and with it this route, alive.
        log_route *kept = malloc(sizeof *kept);
        if (kept == NULL) return AK_ERROR_OUT_OF_MEMORY;
        *kept = route;
        answer = ort->CreateEnvWithCustomLogger(receive_log, kept, (int)from, "cadenza", &runtime->env);
    }
    const ak_status status = ak_onnx_take(ort, answer, error);
    if (status != AK_OK) return status;
    return ak_onnx_take(
        ort, ort->CreateCpuMemoryInfo(ORT_DEVICE_ALLOCATOR, ORT_MEMORY_DEFAULT, &runtime->memory), error);
}

ak_status ak_onnx_runtime_open(
    const char *path, ak_onnx_log_sink sink, void *sink_context, ak_onnx_severity sink_from,
    ak_onnx_runtime **runtime, ak_onnx_error *error) {
    if (error != NULL) error->text[0] = 0;
    if (runtime == NULL) return AK_ERROR_INVALID_ARGUMENT;
    *runtime = NULL;
    if (path == NULL || sink_from < AK_ONNX_LOG_VERBOSE || sink_from > AK_ONNX_LOG_FATAL) {
        ak_onnx_fail(error, "no path, or an unknown severity");
        return AK_ERROR_INVALID_ARGUMENT;
    }
    ak_status status;
    const OrtApiBase *base = load(path, &status, error);
    if (base == NULL) return status;
    ak_onnx_runtime *made = calloc(1, sizeof *made);
    if (made == NULL) return AK_ERROR_OUT_OF_MEMORY;
    status = fill_table(made, base, error);
    if (status == AK_OK) status = start(made, (log_route){sink, sink_context}, sink_from, error);
    if (status != AK_OK) {
        ak_onnx_runtime_close(&made);
        return status;
    }
    *runtime = made;
    return AK_OK;
}

void ak_onnx_runtime_close(ak_onnx_runtime **runtime) {
    if (runtime == NULL || *runtime == NULL) return;
    const ort_table *ort = &(*runtime)->ort;
    if ((*runtime)->memory != NULL) ort->ReleaseMemoryInfo((*runtime)->memory);
    if ((*runtime)->env != NULL) ort->ReleaseEnv((*runtime)->env);
    free(*runtime);
    *runtime = NULL;
}

const char *ak_onnx_runtime_version(const ak_onnx_runtime *runtime) {
    return runtime == NULL ? "" : runtime->version;
}
