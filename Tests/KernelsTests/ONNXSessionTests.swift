internal import Glibc
import Kernels
import Testing

@Suite struct ONNXSessionTests {
    static var add: ONNXModel {
        var model = ONNXModel()
        model.input("left", [2, 3])
        model.input("right", [2, 3])
        model.output("sum", [2, 3])
        model.node("Add", ["left", "right"], ["sum"])
        return model
    }

    @Test func `a session tells names, types and shapes, open sizes as nil`() throws {
        var model = ONNXModel()
        model.input("frames", [nil, 4])
        model.input("indices", [3], .int64)
        model.output("picked", [3, 4])
        model.node("Gather", ["frames", "indices"], ["picked"])
        let session = try ONNXFixture.session(model)
        #expect(session.inputs.map(\.name) == ["frames", "indices"])
        #expect(session.inputs.map(\.type) == [.float32, .int64])
        #expect(session.inputs.map(\.shape) == [[nil, 4], [3]])
        #expect(session.outputs.map(\.name) == ["picked"])
        #expect(session.outputs.map(\.shape) == [[3, 4]])
    }

    @Test func `a model loads from a file as from memory`() throws {
        var name = Array("/tmp/cadenza-model-XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        defer { unlink(name) }
        let bytes = Self.add.bytes
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)
        let path = name.withUnsafeBufferPointer { String(decoding: $0.dropLast().map(UInt8.init), as: UTF8.self) }
        let session = try ONNXSession(ONNXFixture.shared.get(), path: path)
        #expect(try session.inputs == ONNXFixture.session(Self.add).inputs)
    }

    @Test func `every option reaches the library`() async throws {
        // In a process of its own: the library keeps the log of the first runtime that its process opens.
        await #expect(processExitsWith: .success) {
            var options = ONNXSession.Options()
            options.intraThreads = 3
            options.interThreads = 2
            options.memoryArena = false
            options.memoryPattern = false
            options.optimization = .basic
            options.logFrom = .verbose
            _ = try ONNXFixture.session(Self.add, options)
            let wanted = [
                "execution_mode:1 ", "enable_mem_pattern:0 ", "enable_cpu_mem_arena:0 ", "graph_optimization_level:1 ",
                "intra_op_param:OrtThreadPoolParams { thread_pool_size: 3 ", "thread_pool_size: 2 ",
                "session.intra_op.allow_spinning: 0", "session.inter_op.allow_spinning: 0",
            ]
            #expect(ONNXFixture.log.contains { line in wanted.allSatisfy(line.contains) })
        }
    }

    @Test func `defaults keep arena and pattern, one thread and no spinning`() async throws {
        // In a process of its own: the library keeps the log of the first runtime that its process opens.
        await #expect(processExitsWith: .success) {
            var options = ONNXSession.Options()
            options.logFrom = .verbose
            _ = try ONNXFixture.session(Self.add, options)
            let wanted = [
                "execution_mode:0 ", "enable_mem_pattern:1 ", "enable_cpu_mem_arena:1 ",
                "intra_op_param:OrtThreadPoolParams { thread_pool_size: 1 ", "session.intra_op.allow_spinning: 0",
            ]
            #expect(ONNXFixture.log.contains { line in wanted.allSatisfy(line.contains) })
        }
    }

    @Test(arguments: [[], [0], Array("not a model".utf8), [UInt8](repeating: 0xFF, count: 4096)])
    func `bytes that are no model are refused with a reason`(bytes: [UInt8]) throws {
        #expect(try Self.reason(bytes)?.isEmpty == false)
    }

    @Test func `a truncated model is refused at every length`() throws {
        let bytes = Self.add.bytes
        for count in stride(from: 1, to: bytes.count, by: 7) {
            #expect(try Self.reason(Array(bytes[..<count])) != nil, "\(count) of \(bytes.count) bytes")
        }
    }

    @Test func `an operator that does not exist is refused by name`() throws {
        var model = ONNXModel()
        model.input("a", [1])
        model.output("b", [1])
        model.node("Conjure", ["a"], ["b"])
        #expect(try Self.reason(model.bytes)?.contains("Conjure") == true)
    }

    @Test func `a missing model file is not found`() throws {
        let runtime = try ONNXFixture.shared.get()
        var found = true
        do { _ = try ONNXSession(runtime, path: "/nowhere/model.onnx") } catch KernelError.notFound { found = false }
        #expect(!found)
    }

    @Test(arguments: [0, -1, 257, Int.max])
    func `a thread count out of 1 to 256 is refused`(threads: Int) throws {
        var options = ONNXSession.Options()
        options.intraThreads = threads
        #expect(try isInvalidArgument { _ = try ONNXFixture.session(Self.add, options) })
    }

    /// Why the bytes are refused; nil if they are not.
    static func reason(_ bytes: [UInt8]) throws -> String? {
        let runtime = try ONNXFixture.shared.get()
        do {
            _ = try bytes.withUnsafeBytes { try ONNXSession(runtime, bytes: $0) }
            return nil
        } catch KernelError.runtime(let reason) { return reason } catch KernelError.invalidArgument(let reason) {
            return reason
        }
    }
}
