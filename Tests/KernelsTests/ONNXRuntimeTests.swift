internal import Glibc
import Kernels
import Testing

@Suite struct ONNXRuntimeTests {
    @Test func `the library loads and says its version`() throws {
        let version = try ONNXFixture.shared.get().version
        #expect(version.hasPrefix("1."), "\(version)")
    }

    @Test func `a second runtime in the process works beside the first`() throws {
        _ = try ONNXFixture.shared.get()
        let second = try ONNXRuntime(path: ONNXFixture.libraryPath)
        var model = ONNXModel()
        model.input("a", [2])
        model.output("b", [2])
        model.node("Neg", ["a"], ["b"])
        let session = try model.bytes.withUnsafeBytes { try ONNXSession(second, bytes: $0) }
        #expect(try execute(ONNXRun(session), [("a", [2], [1, -2])], output: "b", shape: [2]) == [-1, 2])
    }

    @Test func `a missing library is not found`() {
        #expect(throws: KernelError.notFound("/nowhere/libonnxruntime.so: no such file")) {
            _ = try ONNXRuntime(path: "/nowhere/libonnxruntime.so")
        }
    }

    @Test func `a file that is no library is unsupported, with the loader's reason`() throws {
        var name = Array("/tmp/cadenza-not-a-library-XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        defer { unlink(name) }
        #expect(write(descriptor, [UInt8](repeating: 7, count: 4096), 4096) == 4096)
        close(descriptor)
        let path = name.withUnsafeBufferPointer { String(decoding: $0.dropLast().map(UInt8.init), as: UTF8.self) }
        #expect(Self.reasonUnsupported(path)?.contains("ELF") == true)
    }

    @Test func `another library is unsupported by name`() throws {
        let mapped = try Self.mappedFile(containing: "/libm.so")
        let path = try #require(mapped)
        #expect(Self.reasonUnsupported(path)?.contains("OrtGetApiBase") == true)
    }

    /// The path of a library that this process runs on, wherever it lies.
    static func mappedFile(containing name: String) throws -> String? {
        let maps = try #require(fopen("/proc/self/maps", "r"))
        defer { fclose(maps) }
        var buffer = [CChar](repeating: 0, count: 4096)
        while fgets(&buffer, 4096, maps) != nil {
            let line = buffer.withUnsafeBufferPointer { bytes in
                String(decoding: bytes.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
            if line.contains(name), let slash = line.firstIndex(of: "/") { return String(line[slash...]) }
        }
        return nil
    }

    static func reasonUnsupported(_ path: String) -> String? {
        do {
            _ = try ONNXRuntime(path: path)
            return nil
        } catch KernelError.unsupported(let reason) { return reason } catch { return nil }
    }
}
