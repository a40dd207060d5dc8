import CKernels
import Testing

/// The C API's own promises about statuses and NULL.
@Suite struct StatusTests {
    @Test func `every status has a name of its own`() {
        let statuses = (-6...0).map { String(cString: ak_status_name(ak_status($0))) }
        #expect(Set(statuses).count == 7)
        #expect(String(cString: ak_status_name(ak_status(-99))) == "unknown status")
    }

    @Test func `an unknown instruction set is refused`() {
        var resolved = AK_SIMD_AUTO
        #expect(ak_simd_resolve(ak_simd(77), &resolved) == AK_ERROR_INVALID_ARGUMENT)
        #expect(ak_simd_resolve(AK_SIMD_SCALAR, nil) == AK_ERROR_INVALID_ARGUMENT)
    }

    @Test func `creating without parameters or place is refused, and leaves NULL behind`() {
        var handle = OpaquePointer(bitPattern: 1)
        #expect(ak_fft_create(nil, &handle) == AK_ERROR_INVALID_ARGUMENT)
        #expect(handle == nil)
        #expect(ak_stft_create(nil, &handle) == AK_ERROR_INVALID_ARGUMENT)
        #expect(ak_istft_create(nil, &handle) == AK_ERROR_INVALID_ARGUMENT)
        #expect(ak_mask_create(nil, &handle) == AK_ERROR_INVALID_ARGUMENT)
        #expect(ak_onnx_session_create(nil, nil, &handle, nil) == AK_ERROR_INVALID_ARGUMENT)
        #expect(ak_onnx_run_create(nil, &handle, nil) == AK_ERROR_INVALID_ARGUMENT)
        var parameters = ak_fft_params(size: 64, simd: AK_SIMD_AUTO)
        #expect(ak_fft_create(&parameters, nil) == AK_ERROR_INVALID_ARGUMENT)
    }

    @Test func `destroying nothing does nothing, and destroying sets to NULL`() throws {
        ak_fft_destroy(nil)
        ak_stft_destroy(nil)
        ak_istft_destroy(nil)
        ak_mask_destroy(nil)
        ak_onnx_run_destroy(nil)
        ak_onnx_session_destroy(nil)
        ak_onnx_runtime_close(nil)
        var parameters = ak_fft_params(size: 64, simd: AK_SIMD_AUTO)
        var plan: OpaquePointer?
        let status = ak_fft_create(&parameters, &plan)
        try #require(status == AK_OK)
        ak_fft_destroy(&plan)
        #expect(plan == nil)
        ak_fft_destroy(&plan)
    }

    @Test func `strides below a row are refused`() throws {
        var parameters = ak_stft_params(size: 64, hop: 16, simd: AK_SIMD_AUTO)
        var stft: OpaquePointer?
        let status = ak_stft_create(&parameters, &stft)
        try #require(status == AK_OK)
        defer { ak_stft_destroy(&stft) }
        var signal = [Float](repeating: 0, count: 64)
        var real = [Float](repeating: 0, count: 33)
        var imaginary = real
        #expect(ak_stft_process(stft, &signal, 1, &real, &imaginary, 32) == AK_ERROR_INVALID_ARGUMENT)
        #expect(ak_stft_process(stft, &signal, 1, &real, &imaginary, 33) == AK_OK)
        #expect(ak_stft_process(stft, nil, 1, &real, &imaginary, 33) == AK_ERROR_INVALID_ARGUMENT)
    }
}
