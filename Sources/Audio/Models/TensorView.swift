/// The type of a tensor's numbers in its file.
public enum TensorElementType: String, Hashable, Sendable {
    case float32, float16, bfloat16, float64, int64, int32, int16, int8, uint8, bool

    public var byteCount: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16: 2
        case .int8, .uint8, .bool: 1
        }
    }

    init?(numpyCode: String) {
        switch numpyCode {
        case "f4": self = .float32
        case "f2": self = .float16
        case "f8": self = .float64
        case "i8": self = .int64
        case "i4": self = .int32
        case "i2": self = .int16
        case "i1": self = .int8
        case "u1": self = .uint8
        case "b1": self = .bool
        default: return nil
        }
    }

    init?(safetensorsCode: String) {
        switch safetensorsCode {
        case "F32": self = .float32
        case "F16": self = .float16
        case "BF16": self = .bfloat16
        case "F64": self = .float64
        case "I64": self = .int64
        case "I32": self = .int32
        case "I16": self = .int16
        case "I8": self = .int8
        case "U8": self = .uint8
        case "BOOL": self = .bool
        default: return nil
        }
    }
}

/// Where a tensor's bytes are in the file.
enum TensorPayload: Sendable {
    case raw(Range<Int>)
    /// As the UTF-8 of Latin-1 characters: one or two bytes of the file for each byte.
    case latin1(Range<Int>)

    var range: Range<Int> {
        switch self {
        case .raw(let range), .latin1(let range): range
        }
    }
}

/// A tensor in a mapped file: its numbers are read when asked for, and only then take memory.
public struct TensorView: Sendable {
    /// Lengths of the axes, slowest first; empty for a scalar.
    public let shape: [Int]
    /// How the file holds the numbers.
    public let elementType: TensorElementType
    /// The product of `shape`.
    public let elementCount: Int
    private let file: MappedFile
    private let payload: TensorPayload
    private let offset: Int
    private let strides: [Int]

    /// Checks that every element lies in the payload.
    /// - Parameter offset: of the first element, in elements; `strides` are in elements too.
    init(
        name: String, file: MappedFile, type: TensorElementType, payload: TensorPayload, offset: Int = 0, shape: [Int],
        strides: [Int], elementCountMax: Int
    ) throws(CheckpointError) {
        var elementCount = 1
        for length in shape {
            let (product, overflow) = elementCount.multipliedReportingOverflow(by: length)
            guard length >= 0, !overflow, product <= elementCountMax else { throw .overLimit("tensorElementsMax") }
            elementCount = product
        }
        // In Latin-1 each byte takes one or two of the file: floats() checks the exact count.
        let stored = payload.range.count / type.byteCount
        guard Self.last(offset: offset, shape: shape, strides: strides).map({ $0 < stored }) ?? false else {
            throw .tensorOutOfRange(name)
        }
        self.shape = shape
        self.elementType = type
        self.elementCount = elementCount
        self.file = file
        self.payload = payload
        self.offset = offset
        // An axis of one element never moves: its stride, which may be anything, is not looked at again.
        self.strides = zip(shape, strides).map { length, stride in length > 1 ? stride : 0 }
    }

    /// The index of the last element, −1 without elements, `nil` when it cannot be represented.
    private static func last(offset: Int, shape: [Int], strides: [Int]) -> Int? {
        guard !shape.contains(0) else { return -1 }
        var last = offset
        for (length, stride) in zip(shape, strides) {
            let (distance, overflow) = (length - 1).multipliedReportingOverflow(by: stride)
            let (sum, sumOverflow) = last.addingReportingOverflow(distance)
            guard !overflow, !sumOverflow else { return nil }
            last = sum
        }
        return last
    }

    /// The strides, in elements, of an array without gaps; `nil` when they cannot be represented.
    static func strides(of shape: [Int], fastestFirst: Bool) -> [Int]? {
        var strides = [Int](repeating: 0, count: shape.count)
        var stride = 1
        for axis in fastestFirst ? Array(shape.indices) : shape.indices.reversed() {
            strides[axis] = stride
            let (product, overflow) = stride.multipliedReportingOverflow(by: max(1, shape[axis]))
            guard !overflow else { return nil }
            stride = product
        }
        return strides
    }

    /// The numbers in row-major order as float32: narrower floats are widened exactly, others are rounded.
    /// - Throws: `.malformed` when the file's encoding of the bytes turns out to be broken.
    public func floats() throws(CheckpointError) -> [Float] {
        guard elementCount > 0 else { return [] }
        switch payload {
        case .raw(let range): return read(UnsafeRawBufferPointer(rebasing: file.bytes[range]))
        case .latin1(let range):
            let bytes = try Latin1.decode(file.bytes, range)
            let needed = (Self.last(offset: offset, shape: shape, strides: strides) ?? -1) + 1
            guard bytes.count >= needed * elementType.byteCount else {
                throw .malformed(what: "a tensor has too few bytes", offset: range.lowerBound)
            }
            return bytes.withUnsafeBytes { read($0) }
        }
    }

    private func read(_ bytes: UnsafeRawBufferPointer) -> [Float] {
        switch elementType {
        case .float32:
            if isContiguous { return copied(from: bytes) }
            return gather(bytes, UInt32.self) { Float(bitPattern: $0) }
        case .float16: return gather(bytes, UInt16.self) { Float(Float16(bitPattern: $0)) }
        case .bfloat16: return gather(bytes, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .float64: return gather(bytes, UInt64.self) { Float(Double(bitPattern: $0)) }
        case .int64: return gather(bytes, Int64.self) { Float($0) }
        case .int32: return gather(bytes, Int32.self) { Float($0) }
        case .int16: return gather(bytes, Int16.self) { Float($0) }
        case .int8: return gather(bytes, Int8.self) { Float($0) }
        case .uint8: return gather(bytes, UInt8.self) { Float($0) }
        case .bool: return gather(bytes, UInt8.self) { $0 == 0 ? 0 : 1 }
        }
    }

    private var isContiguous: Bool {
        guard let contiguous = Self.strides(of: shape, fastestFirst: false) else { return false }
        return shape.indices.allSatisfy { shape[$0] == 1 || strides[$0] == contiguous[$0] }
    }

    private func copied(from bytes: UnsafeRawBufferPointer) -> [Float] {
        let start = offset * MemoryLayout<Float>.size
        let byteCount = elementCount * MemoryLayout<Float>.size
        return [Float](unsafeUninitializedCapacity: elementCount) { buffer, count in
            // SAFETY: init and floats() checked that the elements lie in `bytes`; the buffer has room for them.
            UnsafeMutableRawBufferPointer(buffer).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + byteCount)]))
            count = elementCount
        }
    }

    private func gather<Stored: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, _: Stored.Type, _ convert: (Stored) -> Float
    ) -> [Float] {
        var numbers: [Float] = []
        numbers.reserveCapacity(elementCount)
        var position = [Int](repeating: 0, count: shape.count)
        var element = offset
        for _ in 0..<elementCount {
            let stored = bytes.loadUnaligned(fromByteOffset: element * MemoryLayout<Stored>.size, as: Stored.self)
            numbers.append(convert(Stored(littleEndian: stored)))
            for axis in shape.indices.reversed() {
                position[axis] += 1
                element += strides[axis]
                if position[axis] < shape[axis] { break }
                element -= strides[axis] * shape[axis]
                position[axis] = 0
            }
        }
        return numbers
    }
}

/// Bytes that were written as the UTF-8 of Latin-1 characters.
enum Latin1 {
    /// - Throws: `.malformed` at anything but characters below U+0100.
    static func decode(_ file: UnsafeRawBufferPointer, _ range: Range<Int>) throws(CheckpointError) -> [UInt8] {
        var isValid = true
        let decoded = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            guard let output = buffer.baseAddress, let input = file.baseAddress else { return }
            var written = 0
            var pending: UInt8 = 0
            // Without branches, since whether a random byte has its high bit set cannot be predicted.
            // SAFETY: `range` lies in the file, and at most one byte is written for each byte read.
            for index in range {
                let byte = input.load(fromByteOffset: index, as: UInt8.self)
                let isLead = byte >= 0xC2 && byte <= 0xC3
                let isContinuation = byte >= 0x80 && byte < 0xC0
                isValid = isValid && (isLead || isContinuation || byte < 0x80) && (pending != 0) == isContinuation
                output[written] = pending | (isContinuation ? byte & 0x3F : byte)
                written += isLead ? 0 : 1
                pending = isLead ? byte << 6 : 0
            }
            isValid = isValid && pending == 0
            count = written
        }
        guard isValid else { throw .malformed(what: "bytes written as text are broken", offset: range.lowerBound) }
        return decoded
    }
}
