internal import Core

/// The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps.
enum SafeTensors {
    static func tensors(
        in file: MappedFile, limits: CheckpointLimits
    ) throws(CheckpointError) -> [String: TensorView] {
        guard let length = file.bytes.integer(at: 0, as: UInt64.self), length <= UInt64(file.bytes.count - 8) else {
            throw .malformed(what: "the header reaches over the end", offset: 0)
        }
        guard length <= UInt64(limits.headerBytesMax) else { throw .overLimit("headerBytesMax") }
        let start = 8 + Int(length)
        let header = try members(of: Array(file.bytes[8..<start]), limits: limits)
        var tensors: [String: TensorView] = [:]
        var ranges: [Range<Int>] = []
        for member in header where member.name != "__metadata__" {
            guard tensors.count < limits.tensorsMax else { throw .overLimit("tensorsMax") }
            let tensor = try tensor(member, limits: limits)
            guard tensor.range.upperBound <= file.bytes.count - start else { throw .tensorOutOfRange(member.name) }
            let payload = (start + tensor.range.lowerBound)..<(start + tensor.range.upperBound)
            guard let strides = TensorView.strides(of: tensor.shape, fastestFirst: false) else {
                throw .overLimit("tensorElementsMax")
            }
            let view = try TensorView(
                name: member.name, file: file, type: tensor.type, payload: .raw(payload), shape: tensor.shape,
                strides: strides, elementCountMax: limits.tensorElementsMax)
            guard view.elementCount * tensor.type.byteCount == payload.count else {
                throw .tensorOutOfRange(member.name)
            }
            tensors[member.name] = view
            ranges.append(tensor.range)
        }
        try checkGapless(ranges, byteCount: file.bytes.count - start)
        return tensors
    }

    private static func members(
        of header: [UInt8], limits: CheckpointLimits
    ) throws(CheckpointError) -> [JSON.Member] {
        do {
            // Three levels: the header, a tensor, its shape.
            let json = try JSONParser.parse(header, bytesMax: limits.headerBytesMax, depthMax: 3)
            guard let members = json.members else { throw CheckpointError.malformed(what: "header", offset: 8) }
            return members
        } catch let error as JSONError {
            throw .malformed(what: "header: \(error.reason.rawValue)", offset: 8 + error.offset)
        } catch {
            throw .malformed(what: "header is no object", offset: 8)
        }
    }

    private static func tensor(
        _ member: JSON.Member, limits: CheckpointLimits
    ) throws(CheckpointError) -> (type: TensorElementType, shape: [Int], range: Range<Int>) {
        guard member.name.utf8.count <= limits.nameBytesMax else { throw .overLimit("nameBytesMax") }
        guard member.value.members?.count == 3, let code = member.value["dtype"]?.string,
            let shape = lengths(member.value["shape"]), let offsets = lengths(member.value["data_offsets"]),
            offsets.count == 2, offsets[0] <= offsets[1]
        else { throw .malformed(what: "header of \(member.name)", offset: 8) }
        guard let type = TensorElementType(safetensorsCode: code) else { throw .unsupported("element type \(code)") }
        guard shape.count <= limits.axesMax else { throw .overLimit("axesMax") }
        return (type, shape, offsets[0]..<offsets[1])
    }

    private static func lengths(_ value: JSON?) -> [Int]? {
        guard let elements = value?.array else { return nil }
        let lengths = elements.compactMap { $0.integer.flatMap { Int(exactly: $0) } }
        return lengths.count == elements.count && lengths.allSatisfy { $0 >= 0 } ? lengths : nil
    }

    /// The format allows neither gaps nor overlaps, which would let two files with one meaning differ.
    private static func checkGapless(_ ranges: [Range<Int>], byteCount: Int) throws(CheckpointError) {
        var end = 0
        for range in ranges.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
            guard range.lowerBound == end else { throw .malformed(what: "gap or overlap between tensors", offset: 8) }
            end = range.upperBound
        }
        guard end == byteCount else { throw .malformed(what: "bytes after the last tensor", offset: 8) }
    }
}
