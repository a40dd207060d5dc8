internal import CPostgres
internal import Database

/// The arguments of one statement as libpq takes them: zero-terminated text, of which the server makes the type that
/// the statement asks for, and bytes as they are.
struct ArgumentBuffer {
    private var bytes: [UInt8] = []
    /// Where each argument begins; -1 for NULL.
    private var offsets: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    /// - Throws: `DatabaseError.misuse` for a text with a zero character, which Postgres cannot hold.
    mutating func fill(_ arguments: [DatabaseValue]) throws(DatabaseError) {
        bytes.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        for argument in arguments {
            let start = bytes.count
            var isBinary = false
            switch argument {
            case .null: break
            case .integer(let value): append(String(value))
            case .real(let value): append(value.description)
            case .text(let value):
                append(value)
                guard !bytes[start...].contains(0) else { throw .misuse("a text with a zero character") }
            case .blob(let value):
                bytes.append(contentsOf: value)
                isBinary = true
            }
            offsets.append(argument == .null ? -1 : start)
            lengths.append(Int32(clamping: bytes.count - start))
            formats.append(isBinary ? 1 : 0)
            bytes.append(0)
        }
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Calls `body` with the count and the arrays of values, lengths and formats.
    func withPointers<Value>(
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Value
    ) -> Value {
        bytes.withUnsafeBytes { raw in
            // SAFETY: the pointers are into `bytes`, which lives until `body` has returned; libpq copies.
            let base = raw.bindMemory(to: CChar.self).baseAddress
            let values: [UnsafePointer<CChar>?] = offsets.map { offset in
                offset < 0 ? nil : base.map { $0 + offset }
            }
            return values.withUnsafeBufferPointer { values in
                lengths.withUnsafeBufferPointer { lengths in
                    formats.withUnsafeBufferPointer { formats in
                        body(Int32(offsets.count), values.baseAddress, lengths.baseAddress, formats.baseAddress)
                    }
                }
            }
        }
    }
}
