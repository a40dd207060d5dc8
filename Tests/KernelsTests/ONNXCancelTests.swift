import CKernels
import Core
internal import Glibc
import Kernels
import Testing

/// A run made through the C API, for what only that shows.
final class OpaqueSession {
    private(set) var run: OpaquePointer?
    private var session: OpaquePointer?
    private var runtime: OpaquePointer?

    init(_ model: ONNXModel) throws {
        let opened = ak_onnx_runtime_open(
            ONNXFixture.libraryPath, nil, nil, AK_ONNX_LOG_FATAL, &runtime, nil)
        try #require(opened == AK_OK)
        var parameters = ak_onnx_session_params()
        ak_onnx_session_params_default(&parameters)
        let created = model.bytes.withUnsafeBytes { bytes in
            parameters.model_bytes = bytes.baseAddress
            parameters.model_byte_count = bytes.count
            return ak_onnx_session_create(runtime, &parameters, &session, nil)
        }
        try #require(created == AK_OK)
        let ready = ak_onnx_run_create(session, &run, nil)
        try #require(ready == AK_OK)
    }

    deinit {
        ak_onnx_run_destroy(&run)
        ak_onnx_session_destroy(&session)
        ak_onnx_runtime_close(&runtime)
    }
}

/// What the poll of a running execution saw: it says no twice (before the start, and once while running), then yes.
private struct Poll {
    var calls = 0
    var canceledAt: ContinuousClock.Instant?
}

@Suite(.serialized) struct ONNXCancelTests {
    static let size = 512
    /// Many seconds of work, 5 × 10^11 floating-point operations: who is answered `canceled` did not compute it.
    static var endless: ONNXModel { ONNXRunTests.chain(size: size, count: 2_000) }
    /// A few milliseconds where the machine has nothing else to do; a thousand other tests run beside these.
    private let soon = Duration.seconds(5)
    static var input: [Float] { [Float](repeating: 0, count: size * size) }

    @Test func `a running execution ends soon after the poll's yes`() throws {
        let session = try OpaqueSession(Self.endless)
        var poll = Poll()
        var memory = Self.input
        var result = Self.input
        let shape = [Int64](repeating: Int64(Self.size), count: 2)
        let status = withUnsafeMutablePointer(to: &poll) { poll in
            memory.withUnsafeMutableBytes { x in
                result.withUnsafeMutableBytes { y in
                    shape.withUnsafeBufferPointer { shape in
                        Self.executeThroughC(session, x, y, shape, poll)
                    }
                }
            }
        }
        let returned = ContinuousClock.now
        #expect(status == AK_ERROR_CANCELED)
        #expect(poll.calls == 3)
        let canceled = try #require(poll.canceledAt)
        #expect(returned - canceled < soon)
    }

    private static func executeThroughC(
        _ session: OpaqueSession, _ x: UnsafeMutableRawBufferPointer, _ y: UnsafeMutableRawBufferPointer,
        _ shape: UnsafeBufferPointer<Int64>, _ poll: UnsafeMutablePointer<Poll>
    ) -> ak_status {
        "x".withCString { inputName in
            "y2000".withCString { outputName in
                var input = ak_onnx_tensor(
                    name: inputName, type: AK_ONNX_FLOAT32, shape: shape.baseAddress, rank: 2, data: x.baseAddress,
                    byte_count: x.count)
                var output = input
                output.name = outputName
                output.data = y.baseAddress
                return ak_onnx_run_execute(
                    session.run, &input, 1, &output, 1,
                    { context in
                        guard let poll = context?.assumingMemoryBound(to: Poll.self) else { return true }
                        poll.pointee.calls += 1
                        guard poll.pointee.calls == 3 else { return false }
                        poll.pointee.canceledAt = .now
                        return true
                    }, poll, nil)
            }
        }
    }

    @Test func `a raised flag cancels before anything is computed`() throws {
        let run = try ONNXRun(ONNXFixture.session(ONNXSessionTests.add))
        let flag = CancellationFlag()
        flag.raise()
        let six = [Float](repeating: 1, count: 6)
        #expect(throws: KernelError.canceled) {
            try execute(
                run, [("left", [2, 3], six), ("right", [2, 3], six)], output: "sum", shape: [2, 3], unless: flag)
        }
    }

    @Test func `cancel from another thread ends an execution soon`() async throws {
        let run = try ONNXRun(ONNXFixture.session(Self.endless))
        let pool = BlockingPool(name: "onnx", threads: 1)
        let started = CancellationFlag()
        let outcome = Task {
            try await pool.run {
                started.raise()
                return Self.outcome(run)
            }
        }
        while !started.isRaised { await Task.yield() }
        let canceled = ContinuousClock.now
        run.cancel()
        #expect(try await outcome.value == .canceled)
        #expect(ContinuousClock.now - canceled < soon)
        #expect(Self.outcome(run) == .canceled, "cancelled for good")
    }

    @Test func `a flag raised during an execution ends it`() async throws {
        let run = try ONNXRun(ONNXFixture.session(Self.endless))
        let pool = BlockingPool(name: "onnx", threads: 1)
        let flag = CancellationFlag()
        let outcome = Task { try await pool.run { Self.outcome(run, unless: flag) } }
        let raised = ContinuousClock.now
        flag.raise()
        #expect(try await outcome.value == .canceled)
        #expect(ContinuousClock.now - raised < soon)
    }

    static func outcome(_ run: ONNXRun, unless flag: CancellationFlag? = nil) -> KernelError? {
        do {
            _ = try execute(
                run, [("x", [size, size], input)], output: "y2000", shape: [size, size], unless: flag)
            return nil
        } catch let error as KernelError { return error } catch { return .runtime("\(error)") }
    }
}
