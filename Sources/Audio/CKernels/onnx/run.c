#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "onnx_internal.h"

enum { POLL_MILLISECONDS = 100 };

struct ak_onnx_run {
    const ak_onnx_session *session;
    OrtRunOptions *options;
    atomic_bool canceled;
};

ak_status ak_onnx_run_create(const ak_onnx_session *session, ak_onnx_run **run, ak_onnx_error *error) {
    if (error != NULL) error->text[0] = 0;
    if (run == NULL) return AK_ERROR_INVALID_ARGUMENT;
    *run = NULL;
    if (session == NULL) return AK_ERROR_INVALID_ARGUMENT;
    ak_onnx_run *made = calloc(1, sizeof *made);
    if (made == NULL) return AK_ERROR_OUT_OF_MEMORY;
    made->session = session;
    atomic_init(&made->canceled, false);
    const ort_table *ort = &session->runtime->ort;
    const ak_status status = ak_onnx_take(ort, ort->CreateRunOptions(&made->options), error);
    if (status != AK_OK) {
        free(made);
        return status;
    }
    *run = made;
    return AK_OK;
}

void ak_onnx_run_destroy(ak_onnx_run **run) {
    if (run == NULL || *run == NULL) return;
    (*run)->session->runtime->ort.ReleaseRunOptions((*run)->options);
    free(*run);
    *run = NULL;
}

void ak_onnx_run_cancel(ak_onnx_run *run) {
    if (run == NULL) return;
    atomic_store(&run->canceled, true);
    const ort_table *ort = &run->session->runtime->ort;
    (void)ak_onnx_take(ort, ort->RunOptionsSetTerminate(run->options), NULL);
}

// The watcher: a thread that asks the caller's question until the execution is over.

typedef struct watcher {
    ak_onnx_run *run;
    ak_onnx_cancel_poll poll;
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t over_changed;
    bool over;
} watcher;

static void *watch(void *argument) {
    watcher *w = argument;
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    pthread_mutex_lock(&w->mutex);
    while (!w->over) {
        deadline.tv_nsec += POLL_MILLISECONDS * 1000000L;
        if (deadline.tv_nsec >= 1000000000L) {
            deadline.tv_nsec -= 1000000000L;
            deadline.tv_sec += 1;
        }
        int waited = 0;
        while (!w->over && waited != ETIMEDOUT) {
            waited = pthread_cond_timedwait(&w->over_changed, &w->mutex, &deadline);
        }
        if (!w->over && w->poll(w->context)) {
            ak_onnx_run_cancel(w->run);
            break;
        }
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

static bool start_watcher(watcher *w) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->over_changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&w->thread, NULL, watch, w) == 0) return true;
    pthread_cond_destroy(&w->over_changed);
    pthread_mutex_destroy(&w->mutex);
    return false;
}

static void stop_watcher(watcher *w) {
    pthread_mutex_lock(&w->mutex);
    w->over = true;
    pthread_cond_signal(&w->over_changed);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->over_changed);
    pthread_mutex_destroy(&w->mutex);
}

static size_t element_bytes(ak_onnx_type type) {
    switch (type) {
    case AK_ONNX_UINT8:
    case AK_ONNX_INT8:
    case AK_ONNX_BOOL: return 1;
    case AK_ONNX_FLOAT16: return 2;
    case AK_ONNX_FLOAT32:
    case AK_ONNX_INT32: return 4;
    case AK_ONNX_INT64:
    case AK_ONNX_FLOAT64: return 8;
    case AK_ONNX_UNDEFINED: return 0;
    }
    return 0;
}

static bool is_consistent(const ak_onnx_tensor *tensor) {
    size_t bytes = element_bytes(tensor->type);
    if (tensor->name == NULL || bytes == 0 || tensor->rank > AK_ONNX_RANK_MAX) return false;
    if (tensor->rank > 0 && tensor->shape == NULL) return false;
    for (size_t axis = 0; axis < tensor->rank; axis++) {
        if (tensor->shape[axis] < 0) return false;
        if (__builtin_mul_overflow(bytes, (size_t)tensor->shape[axis], &bytes)) return false;
    }
    return bytes == tensor->byte_count && (tensor->data != NULL || bytes == 0);
}

/// The library's view of a list of tensors: values over the caller's memory.
typedef struct bound {
    const char *names[AK_ONNX_TENSORS_MAX];
    OrtValue *values[AK_ONNX_TENSORS_MAX];
    size_t count;
} bound;

static ak_status bind(
    const ak_onnx_runtime *runtime, const ak_onnx_tensor *tensors, size_t count, bound *list, ak_onnx_error *error) {
    for (size_t i = 0; i < count; i++) {
        const ak_onnx_tensor *t = tensors + i;
        if (!is_consistent(t)) {
            ak_onnx_fail(error, "%s: its type and shape contradict %zu bytes", t->name ? t->name : "(no name)",
                         t->byte_count);
            return AK_ERROR_INVALID_ARGUMENT;
        }
        // An empty tensor still needs an address.
        OrtStatus *answer = runtime->ort.CreateTensorWithDataAsOrtValue(
            runtime->memory, t->data == NULL ? list : t->data, t->byte_count, t->shape, t->rank, (int)t->type,
            &list->values[i]);
        const ak_status status = ak_onnx_take(&runtime->ort, answer, error);
        if (status != AK_OK) return status;
        list->names[i] = t->name;
        list->count = i + 1;
    }
    return AK_OK;
}

static void unbind(const ort_table *ort, bound *list) {
    for (size_t i = 0; i < list->count; i++) ort->ReleaseValue(list->values[i]);
}

static ak_status run_bound(ak_onnx_run *run, const bound *inputs, bound *outputs, ak_onnx_error *error) {
    const ort_table *ort = &run->session->runtime->ort;
    OrtStatus *answer = ort->Run(
        run->session->session, run->options, inputs->names, (const OrtValue *const *)inputs->values, inputs->count,
        outputs->names, outputs->count, outputs->values);
    const bool failed = answer != NULL;
    const ak_status status = ak_onnx_take(ort, answer, error);
    return failed && atomic_load(&run->canceled) ? AK_ERROR_CANCELED : status;
}

static ak_status run_watched(
    ak_onnx_run *run, const bound *inputs, bound *outputs, ak_onnx_cancel_poll poll, void *context,
    ak_onnx_error *error) {
    if (poll == NULL) return run_bound(run, inputs, outputs, error);
    watcher w = {.run = run, .poll = poll, .context = context};
    if (!start_watcher(&w)) {
        ak_onnx_fail(error, "no thread could be started to watch for a cancel");
        return AK_ERROR_RUNTIME;
    }
    const ak_status status = run_bound(run, inputs, outputs, error);
    stop_watcher(&w);
    return status;
}

ak_status ak_onnx_run_execute(
    ak_onnx_run *run, const ak_onnx_tensor *inputs, size_t input_count, const ak_onnx_tensor *outputs,
    size_t output_count, ak_onnx_cancel_poll poll, void *poll_context, ak_onnx_error *error) {
    if (error != NULL) error->text[0] = 0;
    if (!run || (!inputs && input_count > 0) || !outputs || output_count == 0 ||
        input_count > AK_ONNX_TENSORS_MAX || output_count > AK_ONNX_TENSORS_MAX) {
        ak_onnx_fail(error, "a run needs 1 to %d outputs and at most as many inputs", AK_ONNX_TENSORS_MAX);
        return AK_ERROR_INVALID_ARGUMENT;
    }
    if (poll != NULL && poll(poll_context)) ak_onnx_run_cancel(run);
    if (atomic_load(&run->canceled)) return AK_ERROR_CANCELED;
    const ak_onnx_runtime *runtime = run->session->runtime;
    bound bound_inputs, bound_outputs;
    bound_inputs.count = bound_outputs.count = 0;
    ak_status status = bind(runtime, inputs, input_count, &bound_inputs, error);
    if (status == AK_OK) status = bind(runtime, outputs, output_count, &bound_outputs, error);
    if (status == AK_OK) status = run_watched(run, &bound_inputs, &bound_outputs, poll, poll_context, error);
    unbind(&runtime->ort, &bound_inputs);
    unbind(&runtime->ort, &bound_outputs);
    return status;
}
