#pragma once
#include "ak_onnx.h"
#include "ort_table.h"

struct ak_onnx_runtime {
    ort_table ort;
    OrtEnv *env;
    /// Describes the caller's memory, for tensors over it.
    OrtMemoryInfo *memory;
    const char *version;
};

typedef struct ak_onnx_value {
    char *name;
    ak_onnx_type type;
    size_t rank;
    int64_t *shape;
} ak_onnx_value;

struct ak_onnx_session {
    const ak_onnx_runtime *runtime;
    OrtSession *session;
    ak_onnx_value *inputs, *outputs;
    size_t input_count, output_count;
};

/// Writes a formatted message; NULL is fine.
__attribute__((format(printf, 2, 3))) void ak_onnx_fail(ak_onnx_error *error, const char *format, ...);

/// Turns the library's answer into ours, with its message, and releases it.
ak_status ak_onnx_take(const ort_table *ort, OrtStatus *status, ak_onnx_error *error);
