import Support
import Testing

@testable import Models

/// Files made to hurt: each is refused with a typed error, and no case may trap.
@Suite struct HostileCheckpointTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ bytes: [UInt8], _ limits: CheckpointLimits = CheckpointLimits()) throws -> Checkpoint {
        try Checkpoint(readingFile: try folder.write("hostile", bytes), limits: limits)
    }

    private func refusal(of bytes: [UInt8], _ limits: CheckpointLimits = CheckpointLimits()) -> CheckpointError? {
        do {
            _ = try open(bytes, limits)
            return nil
        } catch {
            return error as? CheckpointError
        }
    }

    private func refusal(_ body: (inout PickleBytes) -> Void) -> CheckpointError? {
        refusal(of: ZipBytes.checkpoint(PickleBytes.make(body)))
    }

    @Test func `the well-formed file that the cases are made from is read`() throws {
        let bytes = ZipBytes.checkpoint(
            PickleBytes.tensor(offset: 1, shape: [2, 3], strides: [4, 1], elementCount: 8))
        #expect(try open(bytes).tensors["t"]?.floats() == [1, 2, 3, 5, 6, 7])
    }

    @Test(arguments: [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "exec"), ("torch", "load"),
        ("torch", "FloatStorage.__init__"), ("numpy", "load"), ("collections", "OrderedDict.update"), ("", ""),
    ])
    func `a name that is not on the list is refused and said`(module: String, name: String) {
        let refused = refusal { pickle in
            pickle.global(module, name)
            pickle.text("touch /tmp/owned")
            pickle.opcode(0x85)
            pickle.op("R")
        }
        #expect(refused == .refusedGlobal("\(module).\(name)"))
        let stacked = refusal { pickle in
            pickle.text(module)
            pickle.text(name)
            pickle.opcode(0x93)
        }
        #expect(stacked == .refusedGlobal("\(module).\(name)"))
    }

    /// INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT1, EXT2, EXT4, PERSID and the text instructions of protocol 0, among others.
    @Test(arguments: [
        UInt8(ascii: "i"), UInt8(ascii: "o"), 0x81, 0x92, 0x82, 0x83, 0x84, UInt8(ascii: "P"), UInt8(ascii: "I"),
        UInt8(ascii: "S"), UInt8(ascii: "V"), 0x8B, 0x97, 0x98, 0xFF,
    ])
    func `an instruction that no tensor needs is refused`(opcode: UInt8) {
        let refused = refusal { $0.opcode(opcode) }
        guard case .refusedOpcode(opcode, _)? = refused else {
            Issue.record("\(String(describing: refused))")
            return
        }
    }

    @Test func `permitted functions are refused for other uses`() {
        #expect(
            refusal {
                $0.global("collections", "OrderedDict")
                $0.op("(]tR")
            } == .refusedCall("OrderedDict with arguments"))
        #expect(
            refusal {
                $0.global("_codecs", "encode")
                $0.text("x")
                $0.text("rot13")
                $0.opcode(0x86)
                $0.op("R")
            } == .refusedCall("_codecs.encode"))
        #expect(
            refusal {
                $0.global("torch", "FloatStorage")
                $0.op(")R")
            } == .refusedCall("a class"))
        #expect(refusal { $0.op("})R") } == .refusedCall("a value that is no function"))
        #expect(refusal { $0.op("]}b") } == .refusedCall("state of another value"))
    }

    @Test(arguments: [
        ([0], [1], [4], 8), ([9], [1], [0], 8), ([0], [9], [1], 8), ([1], [8], [1], 8), ([0], [3], [4], 8),
        ([0], [2, 2], [Int.max, Int.max], 8), ([Int.max], [2], [1], 8), ([0], [1], [1], 9), ([0], [1], [1], Int.max),
    ])
    func `a tensor never reaches outside of its storage`(
        offset: [Int], shape: [Int], strides: [Int], elementCount: Int
    ) throws {
        let pickle = PickleBytes.tensor(offset: offset[0], shape: shape, strides: strides, elementCount: elementCount)
        let refused = refusal(of: ZipBytes.checkpoint(pickle))
        if shape == [1], strides == [4] {
            // One element: its stride is never used, whatever it is.
            #expect(refused == nil)
        } else {
            #expect(refused == .tensorOutOfRange("t") || refused == .tensorOutOfRange("storage 0"))
        }
    }

    @Test func `lengths are neither negative nor too large`() {
        let negative = PickleBytes.tensor(offset: 0, shape: [-1], strides: [1], elementCount: 8)
        #expect(refusal(of: ZipBytes.checkpoint(negative)) == .refusedCall("_rebuild_tensor_v2"))
        let huge = PickleBytes.tensor(offset: 0, shape: [1 << 40, 1 << 40], strides: [0, 0], elementCount: 8)
        #expect(refusal(of: ZipBytes.checkpoint(huge)) == .overLimit("tensorElementsMax"))
        let axes = PickleBytes.tensor(
            offset: 0, shape: [Int](repeating: 1, count: 9), strides: [Int](repeating: 1, count: 9), elementCount: 8)
        #expect(refusal(of: ZipBytes.checkpoint(axes)) == .overLimit("axesMax"))
    }

    @Test func `nesting is counted, not followed`() {
        #expect(
            refusal { pickle in
                pickle.op(")")
                for _ in 0..<1_000_000 { pickle.opcode(0x85) }
            } == .overLimit("nestingMax"))
        #expect(
            refusal { pickle in
                for _ in 0..<100_000 { pickle.op("]") }
                for _ in 0..<99_999 { pickle.op("a") }
            } == .overLimit("stackDepthMax"))
        #expect(
            refusal { pickle in
                for _ in 0..<50_000 { pickle.op("]") }
                for _ in 0..<49_999 { pickle.op("a") }
            } == .overLimit("nestingMax"))
    }

    @Test func `nothing can contain itself or change once it is contained`() {
        #expect(
            refusal { pickle in
                pickle.raw(Array("]q".utf8) + [0] + Array("h".utf8) + [0])
                pickle.op("a")
            } == .refusedCall("append"))
        #expect(
            refusal { pickle in
                // A list in a list; then the inner one, from the memo, is given an element.
                pickle.raw(Array("]]q".utf8) + [0] + Array("ah".utf8) + [0])
                pickle.op("Na")
            } == .refusedCall("append"))
    }

    @Test func `limits on memo, stack, elements and instructions hold`() {
        var limits = CheckpointLimits()
        limits.memoEntriesMax = 10
        limits.opcodesMax = 1000
        limits.containerElementsMax = 100
        limits.stackDepthMax = 500
        func refused(_ body: (inout PickleBytes) -> Void) -> CheckpointError? {
            refusal(of: ZipBytes.checkpoint(PickleBytes.make(body)), limits)
        }
        #expect(
            refused { pickle in
                pickle.op("N")
                for index in 0..<11 { pickle.raw([UInt8(ascii: "r")] + ZipBytes.little(index << 24, 4)) }
            } == .overLimit("memoEntriesMax"))
        #expect(refused { for _ in 0..<400 { $0.op("N") } } == nil)
        #expect(refused { for _ in 0..<501 { $0.op("N") } } == .overLimit("stackDepthMax"))
        #expect(refused { for _ in 0..<501 { $0.op("(") } } == .overLimit("stackDepthMax"))
        #expect(
            refused {
                $0.op("(" + String(repeating: "N", count: 101) + "t")
            } == .overLimit("containerElementsMax"))
        #expect(refused { for _ in 0..<1001 { $0.raw([0x80, 2]) } } == .overLimit("opcodesMax"))
    }

    @Test func `a dictionary reached over very many ways is bounded`() {
        // Thirty levels, each of which holds the level below twice: 2^30 ways to one tensor.
        let pickle = PickleBytes.make { pickle in
            pickle.op("}")
            for _ in 0..<30 {
                pickle.raw([UInt8(ascii: "q"), 0])
                pickle.op("}(")
                for name in ["a", "b"] {
                    pickle.text(name)
                    pickle.raw([UInt8(ascii: "h"), 0])
                }
                pickle.op("u")
            }
        }
        var limits = CheckpointLimits()
        limits.containerElementsMax = 10_000
        let refused = refusal(of: ZipBytes.checkpoint(pickle), limits)
        #expect(refused == .overLimit("containerElementsMax"))
    }

    @Test func `a text that claims more bytes than there are is refused`() {
        for claim in [[UInt8(ascii: "X"), 0xFF, 0xFF, 0xFF, 0xFF], [0x8D] + [UInt8](repeating: 0xFF, count: 8)] {
            guard case .malformed? = refusal({ $0.raw(claim) }) else {
                Issue.record("not refused")
                return
            }
        }
    }

    @Test func `broken bytes in text form are refused when they are read`() throws {
        for broken in [[0xC3], [0xC4, 0x80], [0x80], [0xC2, 0xC2, 0x80], [0xFF]] as [[UInt8]] {
            let bytes = ZipBytes.checkpoint(Self.array([65, 66] + broken + [67]))
            let checkpoint = try open(bytes)
            #expect(throws: CheckpointError.self) { try checkpoint.tensors["t"]?.floats() }
        }
        let fine = try open(ZipBytes.checkpoint(Self.array([65, 0xC3, 0xBF])))
        #expect(try fine.tensors["t"]?.floats() == [65, 255])
    }

    /// A numpy array `t` of 2 bytes whose data is `text`, as protocol 2 writes it.
    private static func array(_ text: [UInt8]) -> [UInt8] {
        PickleBytes.make { pickle in
            pickle.op("}(")
            pickle.text("t")
            pickle.global("numpy.core.multiarray", "_reconstruct")
            pickle.global("numpy", "ndarray")
            pickle.tuple([0])
            pickle.op("N")
            pickle.opcode(0x87)
            pickle.op("R(")
            pickle.integer(1)
            pickle.tuple([2])
            pickle.global("numpy", "dtype")
            pickle.text("u1")
            pickle.opcode(0x85)
            pickle.op("R")
            pickle.opcode(0x89)
            pickle.global("_codecs", "encode")
            pickle.raw([UInt8(ascii: "X")] + ZipBytes.little(text.count, 4) + text)
            pickle.text("latin1")
            pickle.opcode(0x86)
            pickle.op("Rtbu")
        }
    }

    @Test func `numbers of the other byte order are refused`() {
        let zip = ZipBytes([
            .init("a/data.pkl", PickleBytes.make { $0.op("}") }), .init("a/byteorder", Array("big".utf8)),
        ])
        #expect(refusal(of: zip.bytes) == .unsupported("numbers that are not little-endian"))
    }

    @Test func `a file cut anywhere is refused`() throws {
        let whole = ZipBytes.checkpoint(PickleBytes.tensor(offset: 0, shape: [8], strides: [1], elementCount: 8))
        for count in 0..<whole.count {
            #expect(refusal(of: Array(whole[..<count])) != nil, "cut at \(count)")
        }
        let safetensors = try FileContent.read(
            "\(Repository.root)/Tests/Fixtures/models/small.tensors", byteCountMax: 1 << 16)
        for count in 0..<safetensors.count {
            #expect(refusal(of: Array(safetensors[..<count])) != nil, "safetensors cut at \(count)")
        }
    }

    @Test(arguments: ["torch_small.checkpoint", "numpy_small.checkpoint", "small.tensors"])
    func `a file with flipped bytes gives an error or tensors that can be read`(name: String) throws {
        let whole = try FileContent.read("\(Repository.root)/Tests/Fixtures/models/\(name)", byteCountMax: 1 << 16)
        let seed: UInt64 = 0x5EED
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        var refusals = 0
        for _ in 0..<1000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            do {
                for tensor in try open(bytes).tensors.values where tensor.elementCount <= 1 << 16 {
                    #expect(try tensor.floats().count == tensor.elementCount)
                }
            } catch {
                #expect(error is CheckpointError)
                refusals += 1
            }
        }
        #expect(refusals > 100)
    }
}
