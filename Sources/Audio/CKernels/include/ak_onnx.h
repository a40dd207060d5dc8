#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ak_status.h"

/// Networks through ONNX Runtime, opened at run time from a path: without the library everything else still works.
///
/// Ownership: a runtime must outlive its sessions, a session its runs. Threads: a runtime and a session are read-only
/// after creation and may be shared; a run executes on one thread at a time, and only ak_onnx_run_cancel may be called
/// from another thread meanwhile. Nothing is written to stdout or stderr.

/// The loaded library.
typedef struct ak_onnx_runtime ak_onnx_runtime;
/// A model with its weights, ready to run.
typedef struct ak_onnx_session ak_onnx_session;
/// The state of one caller's runs: its terminate flag.
typedef struct ak_onnx_run ak_onnx_run;

/// The version of the library's C function table that the binding asks for. The table is append-only.
enum { AK_ONNX_API_VERSION = 17 };

/// Where a failed call says why, in English, NUL-terminated; empty after success. May be NULL in every call.
typedef struct ak_onnx_error {
    char text[512];
} ak_onnx_error;

/// Element types; the numbers are ONNX's own (TensorProto.DataType).
typedef enum ak_onnx_type {
    AK_ONNX_UNDEFINED = 0,
    AK_ONNX_FLOAT32 = 1,
    AK_ONNX_UINT8 = 2,
    AK_ONNX_INT8 = 3,
    AK_ONNX_INT32 = 6,
    AK_ONNX_INT64 = 7,
    AK_ONNX_BOOL = 9,
    AK_ONNX_FLOAT16 = 10,
    AK_ONNX_FLOAT64 = 11,
} ak_onnx_type;

/// Severity of a line of the library's log.
typedef enum ak_onnx_severity {
    AK_ONNX_LOG_VERBOSE = 0,
    AK_ONNX_LOG_INFO = 1,
    AK_ONNX_LOG_WARNING = 2,
    AK_ONNX_LOG_ERROR = 3,
    AK_ONNX_LOG_FATAL = 4,
} ak_onnx_severity;

/// Receives the library's log lines, from any thread; `message` lives only during the call.
typedef void (*ak_onnx_log_sink)(void *context, ak_onnx_severity severity, const char *message);

/// Loads the shared library at `path`. The library keeps one log per process: the first open's sink stays until the
/// last runtime is closed, so `sink_context` must live as long. `sink` may be NULL: nothing is logged.
/// Returns AK_OK, AK_ERROR_INVALID_ARGUMENT, AK_ERROR_NOT_FOUND (no such file), AK_ERROR_UNSUPPORTED (not the library,
/// or older than AK_ONNX_API_VERSION), AK_ERROR_OUT_OF_MEMORY or AK_ERROR_RUNTIME.
AK_CHECKED ak_status ak_onnx_runtime_open(
    const char *path, ak_onnx_log_sink sink, void *sink_context, ak_onnx_severity sink_from,
    ak_onnx_runtime **runtime, ak_onnx_error *error);

/// Releases and sets to NULL; NULL is fine. The code stays mapped until the process ends.
AK_API void ak_onnx_runtime_close(ak_onnx_runtime **runtime);

/// The library's version, such as "1.31.1"; owned by the library.
AK_API const char *ak_onnx_runtime_version(const ak_onnx_runtime *runtime);

typedef enum ak_onnx_optimization {
    AK_ONNX_OPTIMIZE_NONE = 0,
    AK_ONNX_OPTIMIZE_BASIC = 1,
    AK_ONNX_OPTIMIZE_EXTENDED = 2,
    AK_ONNX_OPTIMIZE_ALL = 99,
} ak_onnx_optimization;

typedef struct ak_onnx_session_params {
    /// The model: either a file's path, or bytes (then the path is NULL). Bytes may be freed after creation.
    const char *model_path;
    const void *model_bytes;
    size_t model_byte_count;
    /// Threads inside an operator, 1…256, the calling thread included.
    int32_t intra_threads;
    /// Threads across operators, 1…256; above 1 branches of the graph run in parallel.
    int32_t inter_threads;
    ak_onnx_optimization optimization;
    /// Keep freed tensor memory for the next run (faster; holds the peak until the session ends).
    bool memory_arena;
    /// Plan one block per run from the first run's shapes.
    bool memory_pattern;
    /// Threads busy-wait for work: lower latency, a whole core while idle.
    bool spinning;
    /// Severity from which this session's lines reach the runtime's sink.
    ak_onnx_severity log_from;
} ak_onnx_session_params;

/// Writes the defaults: one thread, all optimisations, arena and pattern on, no spinning, log from AK_ONNX_LOG_ERROR.
AK_API void ak_onnx_session_params_default(ak_onnx_session_params *params);

/// Parses and prepares a model. Returns AK_OK, AK_ERROR_INVALID_ARGUMENT, AK_ERROR_NOT_FOUND (no such file),
/// AK_ERROR_OUT_OF_MEMORY or AK_ERROR_RUNTIME (not a model, an operator that the library lacks, …).
AK_CHECKED ak_status ak_onnx_session_create(
    const ak_onnx_runtime *runtime, const ak_onnx_session_params *params, ak_onnx_session **session,
    ak_onnx_error *error);

/// Frees and sets to NULL; NULL is fine.
AK_API void ak_onnx_session_destroy(ak_onnx_session **session);

/// A named input or output as the model declares it; owned by the session.
typedef struct ak_onnx_value_info {
    const char *name;
    /// AK_ONNX_UNDEFINED: not a tensor.
    ak_onnx_type type;
    size_t rank;
    /// `rank` sizes; −1 where the model leaves it open.
    const int64_t *shape;
} ak_onnx_value_info;

/// 0 for NULL.
AK_API size_t ak_onnx_session_input_count(const ak_onnx_session *session);
AK_API size_t ak_onnx_session_output_count(const ak_onnx_session *session);

/// Return AK_OK or AK_ERROR_INVALID_ARGUMENT (NULL, index out of range).
AK_CHECKED ak_status ak_onnx_session_input(const ak_onnx_session *session, size_t index, ak_onnx_value_info *info);
AK_CHECKED ak_status ak_onnx_session_output(const ak_onnx_session *session, size_t index, ak_onnx_value_info *info);

/// A dense tensor over the caller's memory, row-major.
typedef struct ak_onnx_tensor {
    const char *name;
    ak_onnx_type type;
    const int64_t *shape;
    size_t rank;
    void *data;
    /// Bytes at `data`: must be exactly what type and shape need.
    size_t byte_count;
} ak_onnx_tensor;

enum { AK_ONNX_TENSORS_MAX = 256, AK_ONNX_RANK_MAX = 16 };

/// Makes a run state. Returns AK_OK, AK_ERROR_INVALID_ARGUMENT, AK_ERROR_OUT_OF_MEMORY or AK_ERROR_RUNTIME.
AK_CHECKED ak_status ak_onnx_run_create(const ak_onnx_session *session, ak_onnx_run **run, ak_onnx_error *error);

/// Frees and sets to NULL; NULL is fine. Not while it executes.
AK_API void ak_onnx_run_destroy(ak_onnx_run **run);

/// Asked about every 0.1 s during an execution, from a thread of the binding's own: true cancels the run.
typedef bool (*ak_onnx_cancel_poll)(void *context);

/// Computes `outputs` (written in place, no copy) from `inputs`; blocks. `poll` may be NULL.
/// Returns AK_OK, AK_ERROR_INVALID_ARGUMENT (NULL, a byte count that its shape contradicts, counts over the limits),
/// AK_ERROR_CANCELED, AK_ERROR_OUT_OF_MEMORY or AK_ERROR_RUNTIME (a name, type or shape that the model refuses, …).
/// Outputs are unspecified unless AK_OK.
AK_CHECKED ak_status ak_onnx_run_execute(
    ak_onnx_run *run, const ak_onnx_tensor *inputs, size_t input_count, const ak_onnx_tensor *outputs,
    size_t output_count, ak_onnx_cancel_poll poll, void *poll_context, ak_onnx_error *error);

/// Ends a running execution at the next operator, and every later one at once: a run is cancelled once, for good.
/// Any thread. NULL is fine.
AK_API void ak_onnx_run_cancel(ak_onnx_run *run);
