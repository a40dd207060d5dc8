#include "CKernels.h"

// Not yet computed here: each call says so.
ak_status ak_onnx_runtime_open(const char *path, ak_onnx_log_sink sink, void *sink_context, ak_onnx_severity sink_from, ak_onnx_runtime **runtime, ak_onnx_error *error) { (void)path; (void)sink; (void)sink_context; (void)sink_from; (void)runtime; (void)error; return AK_ERROR_UNSUPPORTED; }
void ak_onnx_runtime_close(ak_onnx_runtime **runtime) { (void)runtime;  }
const char* ak_onnx_runtime_version(const ak_onnx_runtime *runtime) { (void)runtime; return ""; }
void ak_onnx_session_params_default(ak_onnx_session_params *params) { (void)params;  }
ak_status ak_onnx_session_create(const ak_onnx_runtime *runtime, const ak_onnx_session_params *params, ak_onnx_session **session, ak_onnx_error *error) { (void)runtime; (void)params; (void)session; (void)error; return AK_ERROR_UNSUPPORTED; }
void ak_onnx_session_destroy(ak_onnx_session **session) { (void)session;  }
size_t ak_onnx_session_input_count(const ak_onnx_session *session) { (void)session; return 0; }
size_t ak_onnx_session_output_count(const ak_onnx_session *session) { (void)session; return 0; }
ak_status ak_onnx_session_input(const ak_onnx_session *session, size_t index, ak_onnx_value_info *info) { (void)session; (void)index; (void)info; return AK_ERROR_UNSUPPORTED; }
ak_status ak_onnx_session_output(const ak_onnx_session *session, size_t index, ak_onnx_value_info *info) { (void)session; (void)index; (void)info; return AK_ERROR_UNSUPPORTED; }
ak_status ak_onnx_run_create(const ak_onnx_session *session, ak_onnx_run **run, ak_onnx_error *error) { (void)session; (void)run; (void)error; return AK_ERROR_UNSUPPORTED; }
void ak_onnx_run_destroy(ak_onnx_run **run) { (void)run;  }
ak_status ak_onnx_run_execute(ak_onnx_run *run, const ak_onnx_tensor *inputs, size_t input_count, const ak_onnx_tensor *outputs, size_t output_count, ak_onnx_cancel_poll poll, void *poll_context, ak_onnx_error *error) { (void)run; (void)inputs; (void)input_count; (void)outputs; (void)output_count; (void)poll; (void)poll_context; (void)error; return AK_ERROR_UNSUPPORTED; }
void ak_onnx_run_cancel(ak_onnx_run *run) { (void)run;  }
