#include "CKernels.h"

// Not yet computed here: each call says so.
ak_status ak_fft_create(const ak_fft_params *params, ak_fft **plan) { (void)params; (void)plan; return AK_ERROR_UNSUPPORTED; }
void ak_fft_destroy(ak_fft **plan) { (void)plan;  }
size_t ak_fft_scratch_count(const ak_fft *plan) { (void)plan; return 0; }
ak_status ak_fft_forward(const ak_fft *plan, const float *signal, float *real, float *imag, float *scratch) { (void)plan; (void)signal; (void)real; (void)imag; (void)scratch; return AK_ERROR_UNSUPPORTED; }
ak_status ak_fft_inverse(const ak_fft *plan, const float *real, const float *imag, float *signal, float *scratch) { (void)plan; (void)real; (void)imag; (void)signal; (void)scratch; return AK_ERROR_UNSUPPORTED; }
ak_status ak_peak(const float *signal, size_t count, float *peak, ak_simd simd) { (void)signal; (void)count; (void)peak; (void)simd; return AK_ERROR_UNSUPPORTED; }
ak_status ak_gain_apply(float *signal, size_t count, float gain, ak_simd simd) { (void)signal; (void)count; (void)gain; (void)simd; return AK_ERROR_UNSUPPORTED; }
ak_status ak_gain_add(float *accumulator, const float *signal, size_t count, float gain, ak_simd simd) { (void)accumulator; (void)signal; (void)count; (void)gain; (void)simd; return AK_ERROR_UNSUPPORTED; }
ak_status ak_interleave(const float *const *planes, size_t channels, size_t frames, float *interleaved, ak_simd simd) { (void)planes; (void)channels; (void)frames; (void)interleaved; (void)simd; return AK_ERROR_UNSUPPORTED; }
ak_status ak_deinterleave(const float *interleaved, size_t channels, size_t frames, float *const *planes, ak_simd simd) { (void)interleaved; (void)channels; (void)frames; (void)planes; (void)simd; return AK_ERROR_UNSUPPORTED; }
ak_status ak_mask_create(const ak_mask_params *params, ak_mask **mask) { (void)params; (void)mask; return AK_ERROR_UNSUPPORTED; }
void ak_mask_destroy(ak_mask **mask) { (void)mask;  }
ak_status ak_mask_compute(ak_mask *mask, const float *const *estimates, size_t estimate_stride, size_t frames, float *const *masks, size_t mask_stride) { (void)mask; (void)estimates; (void)estimate_stride; (void)frames; (void)masks; (void)mask_stride; return AK_ERROR_UNSUPPORTED; }
ak_status ak_mask_apply(ak_mask *mask, const float *const *estimates, size_t estimate_stride, size_t frames, const float *mix_real, const float *mix_imag, size_t mix_stride, float *const *real, float *const *imag, size_t out_stride) { (void)mask; (void)estimates; (void)estimate_stride; (void)frames; (void)mix_real; (void)mix_imag; (void)mix_stride; (void)real; (void)imag; (void)out_stride; return AK_ERROR_UNSUPPORTED; }
ak_status ak_magnitude(const float *real, const float *imag, size_t stride, size_t frames, size_t bins, float *out, size_t out_stride, ak_simd simd) { (void)real; (void)imag; (void)stride; (void)frames; (void)bins; (void)out; (void)out_stride; (void)simd; return AK_ERROR_UNSUPPORTED; }
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
ak_status ak_simd_resolve(ak_simd requested, ak_simd *resolved) { (void)requested; (void)resolved; return AK_ERROR_UNSUPPORTED; }
ak_status ak_stft_create(const ak_stft_params *params, ak_stft **stft) { (void)params; (void)stft; return AK_ERROR_UNSUPPORTED; }
void ak_stft_destroy(ak_stft **stft) { (void)stft;  }
ak_status ak_stft_process(ak_stft *stft, const float *signal, size_t frames, float *real, float *imag, size_t frame_stride) { (void)stft; (void)signal; (void)frames; (void)real; (void)imag; (void)frame_stride; return AK_ERROR_UNSUPPORTED; }
ak_status ak_istft_create(const ak_stft_params *params, ak_istft **istft) { (void)params; (void)istft; return AK_ERROR_UNSUPPORTED; }
void ak_istft_destroy(ak_istft **istft) { (void)istft;  }
ak_status ak_istft_process(ak_istft *istft, const float *real, const float *imag, size_t frame_stride, size_t frames, float *output) { (void)istft; (void)real; (void)imag; (void)frame_stride; (void)frames; (void)output; return AK_ERROR_UNSUPPORTED; }
ak_status ak_istft_finish(ak_istft *istft, float *output) { (void)istft; (void)output; return AK_ERROR_UNSUPPORTED; }
void ak_istft_reset(ak_istft *istft) { (void)istft;  }
