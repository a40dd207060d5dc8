#include <stdlib.h>
#include <string.h>

#include "onnx_internal.h"

enum { THREADS_MAX = 256 };

void ak_onnx_session_params_default(ak_onnx_session_params *params) {
    if (params == NULL) return;
    *params = (ak_onnx_session_params){
        .intra_threads = 1,
        .inter_threads = 1,
        .optimization = AK_ONNX_OPTIMIZE_ALL,
        .memory_arena = true,
        .memory_pattern = true,
        .spinning = false,
        .log_from = AK_ONNX_LOG_ERROR,
    };
}

static bool is_valid(const ak_onnx_session_params *params) {
    const bool has_path = params->model_path != NULL;
    const bool has_bytes = params->model_bytes != NULL && params->model_byte_count > 0;
    return has_path != has_bytes && params->intra_threads >= 1 && params->intra_threads <= THREADS_MAX &&
           params->inter_threads >= 1 && params->inter_threads <= THREADS_MAX &&
           params->log_from >= AK_ONNX_LOG_VERBOSE && params->log_from <= AK_ONNX_LOG_FATAL;
}

static ak_status set_options(
    const ort_table *ort, OrtSessionOptions *options, const ak_onnx_session_params *params, ak_onnx_error *error) {
    const int mode = params->inter_threads > 1 ? ORT_PARALLEL : ORT_SEQUENTIAL;
    const char *spinning = params->spinning ? "1" : "0";
    OrtStatus *status = ort->SetSessionGraphOptimizationLevel(options, (int)params->optimization);
    if (status == NULL) status = ort->SetIntraOpNumThreads(options, params->intra_threads);
    if (status == NULL) status = ort->SetInterOpNumThreads(options, params->inter_threads);
    if (status == NULL) status = ort->SetSessionExecutionMode(options, mode);
    if (status == NULL) status = ort->SetSessionLogSeverityLevel(options, (int)params->log_from);
    if (status == NULL && !params->memory_arena) status = ort->DisableCpuMemArena(options);
    if (status == NULL && !params->memory_pattern) status = ort->DisableMemPattern(options);
    if (status == NULL) {
        status = ort->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", spinning);
    }
    if (status == NULL) {
        status = ort->AddSessionConfigEntry(options, "session.inter_op.allow_spinning", spinning);
    }
    return ak_onnx_take(ort, status, error);
}

static ak_status load_model(ak_onnx_session *session, const ak_onnx_session_params *params, ak_onnx_error *error) {
    const ort_table *ort = &session->runtime->ort;
    OrtSessionOptions *options = NULL;
    ak_status status = ak_onnx_take(ort, ort->CreateSessionOptions(&options), error);
    if (status != AK_OK) return status;
    status = set_options(ort, options, params, error);
    if (status == AK_OK) {
        const OrtEnv *env = session->runtime->env;
        OrtStatus *answer =
            params->model_path != NULL
                ? ort->CreateSession(env, params->model_path, options, &session->session)
                : ort->CreateSessionFromArray(
                      env, params->model_bytes, params->model_byte_count, options, &session->session);
        status = ak_onnx_take(ort, answer, error);
    }
    ort->ReleaseSessionOptions(options);
    return status;
}

static ak_status read_shape(
    const ort_table *ort, const OrtTypeInfo *info, ak_onnx_value *value, ak_onnx_error *error) {
    const OrtTensorInfo *tensor = NULL;
    ak_status status = ak_onnx_take(ort, ort->CastTypeInfoToTensorInfo(info, &tensor), error);
    // A sequence or a map has no tensor part and stays AK_ONNX_UNDEFINED.
    if (status != AK_OK || tensor == NULL) return status;
    int type = 0;
    status = ak_onnx_take(ort, ort->GetTensorElementType(tensor, &type), error);
    if (status != AK_OK) return status;
    value->type = (ak_onnx_type)type;
    status = ak_onnx_take(ort, ort->GetDimensionsCount(tensor, &value->rank), error);
    if (status != AK_OK) return status;
    value->shape = calloc(value->rank + 1, sizeof *value->shape);
    if (value->shape == NULL) return AK_ERROR_OUT_OF_MEMORY;
    return ak_onnx_take(ort, ort->GetDimensions(tensor, value->shape, value->rank), error);
}

static ak_status read_name(
    const ort_table *ort, const OrtSession *session, size_t index, bool is_input, ak_onnx_value *value,
    ak_onnx_error *error) {
    OrtAllocator *allocator = NULL;
    ak_status status = ak_onnx_take(ort, ort->GetAllocatorWithDefaultOptions(&allocator), error);
    if (status != AK_OK) return status;
    char *name = NULL;
    status = ak_onnx_take(
        ort,
        is_input ? ort->SessionGetInputName(session, index, allocator, &name)
                 : ort->SessionGetOutputName(session, index, allocator, &name),
        error);
    if (status != AK_OK) return status;
    value->name = strdup(name);
    status = ak_onnx_take(ort, ort->AllocatorFree(allocator, name), error);
    return value->name == NULL ? AK_ERROR_OUT_OF_MEMORY : status;
}

static ak_status read_values(
    ak_onnx_session *session, bool is_input, ak_onnx_value **values, size_t *count, ak_onnx_error *error) {
    const ort_table *ort = &session->runtime->ort;
    size_t found = 0;
    OrtStatus *answer = is_input ? ort->SessionGetInputCount(session->session, &found)
                                 : ort->SessionGetOutputCount(session->session, &found);
    ak_status status = ak_onnx_take(ort, answer, error);
    if (status != AK_OK) return status;
    *values = calloc(found + 1, sizeof **values);
    if (*values == NULL) return AK_ERROR_OUT_OF_MEMORY;
    *count = found;
    for (size_t i = 0; i < found; i++) {
        status = read_name(ort, session->session, i, is_input, *values + i, error);
        if (status != AK_OK) return status;
        OrtTypeInfo *info = NULL;
        answer = is_input ? ort->SessionGetInputTypeInfo(session->session, i, &info)
                          : ort->SessionGetOutputTypeInfo(session->session, i, &info);
        status = ak_onnx_take(ort, answer, error);
        if (status != AK_OK) return status;
        status = read_shape(ort, info, *values + i, error);
        ort->ReleaseTypeInfo(info);
        if (status != AK_OK) return status;
    }
    return AK_OK;
}

ak_status ak_onnx_session_create(
    const ak_onnx_runtime *runtime, const ak_onnx_session_params *params, ak_onnx_session **session,
    ak_onnx_error *error) {
    if (error != NULL) error->text[0] = 0;
    if (session == NULL) return AK_ERROR_INVALID_ARGUMENT;
    *session = NULL;
    if (runtime == NULL || params == NULL || !is_valid(params)) {
        ak_onnx_fail(error, "a session needs a runtime, either a path or bytes, and 1 to %d threads", THREADS_MAX);
        return AK_ERROR_INVALID_ARGUMENT;
    }
    ak_onnx_session *made = calloc(1, sizeof *made);
    if (made == NULL) return AK_ERROR_OUT_OF_MEMORY;
    made->runtime = runtime;
    ak_status status = load_model(made, params, error);
    if (status == AK_OK) status = read_values(made, true, &made->inputs, &made->input_count, error);
    if (status == AK_OK) status = read_values(made, false, &made->outputs, &made->output_count, error);
    if (status != AK_OK) {
        ak_onnx_session_destroy(&made);
        return status;
    }
    *session = made;
    return AK_OK;
}

static void free_values(ak_onnx_value *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(values[i].name);
        free(values[i].shape);
    }
    free(values);
}

void ak_onnx_session_destroy(ak_onnx_session **session) {
    if (session == NULL || *session == NULL) return;
    free_values((*session)->inputs, (*session)->input_count);
    free_values((*session)->outputs, (*session)->output_count);
    if ((*session)->session != NULL) (*session)->runtime->ort.ReleaseSession((*session)->session);
    free(*session);
    *session = NULL;
}

size_t ak_onnx_session_input_count(const ak_onnx_session *session) {
    return session == NULL ? 0 : session->input_count;
}

size_t ak_onnx_session_output_count(const ak_onnx_session *session) {
    return session == NULL ? 0 : session->output_count;
}

static ak_status describe(const ak_onnx_value *values, size_t count, size_t index, ak_onnx_value_info *info) {
    if (info == NULL || index >= count) return AK_ERROR_INVALID_ARGUMENT;
    const ak_onnx_value *value = values + index;
    *info = (ak_onnx_value_info){value->name, value->type, value->rank, value->shape};
    return AK_OK;
}

ak_status ak_onnx_session_input(const ak_onnx_session *session, size_t index, ak_onnx_value_info *info) {
    if (session == NULL) return AK_ERROR_INVALID_ARGUMENT;
    return describe(session->inputs, session->input_count, index, info);
}

ak_status ak_onnx_session_output(const ak_onnx_session *session, size_t index, ak_onnx_value_info *info) {
    if (session == NULL) return AK_ERROR_INVALID_ARGUMENT;
    return describe(session->outputs, session->output_count, index, info);
}
