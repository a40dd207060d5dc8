/// A pickle interpreter that builds data and runs nothing (the instruction set of Python's `pickletools`).
///
/// Names outside of `PickleCallable`, instructions that make objects of classes, and anything beyond `limits` end it
/// with an error. It never recurses: nesting is a number that it counts.
struct PickleMachine {
    let bytes: UnsafeRawBufferPointer
    let limits: CheckpointLimits
    /// Turns the persistent id that a storage has in the pickle into the storage's place.
    let storage:
        (_ type: TensorElementType, _ key: String, _ elementCount: Int) throws(CheckpointError) -> PickleStorage

    var position: Int
    let end: Int
    var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [UInt32: PickleValue] = [:]
    private var containerElements = 0
    private var opcodes = 0

    init(
        bytes: UnsafeRawBufferPointer, range: Range<Int>, limits: CheckpointLimits,
        storage: @escaping (TensorElementType, String, Int) throws(CheckpointError) -> PickleStorage
    ) {
        self.bytes = bytes
        self.limits = limits
        self.storage = storage
        position = range.lowerBound
        end = range.upperBound
    }

    /// Runs to the STOP instruction. - Returns: what is on top of the stack then.
    mutating func run() throws(CheckpointError) -> PickleValue {
        while true {
            opcodes += 1
            guard opcodes <= limits.opcodesMax else { throw .overLimit("opcodesMax") }
            let opcode = try byte()
            if opcode == UInt8(ascii: ".") { return try pop() }
            var isDone = try runScalar(opcode)
            if !isDone { isDone = try runContainer(opcode) }
            if !isDone { isDone = try runMemo(opcode) }
            if !isDone { isDone = try runObject(opcode) }
            guard isDone else { throw .refusedOpcode(opcode, offset: position - 1) }
            guard stack.count <= limits.stackDepthMax, marks.count <= limits.stackDepthMax else {
                throw .overLimit("stackDepthMax")
            }
        }
    }

    func malformed(_ what: String) -> CheckpointError { .malformed(what: what, offset: position) }

    mutating func byte() throws(CheckpointError) -> UInt8 {
        guard position < end else { throw malformed("the pickle ends early") }
        position += 1
        return bytes[position - 1]
    }

    private mutating func integer<Value: FixedWidthInteger>(_: Value.Type) throws(CheckpointError) -> Value {
        let size = MemoryLayout<Value>.size
        guard size <= end - position, let value = bytes.integer(at: position, as: Value.self) else {
            throw malformed("the pickle ends early")
        }
        position += size
        return value
    }

    private mutating func span(_ count: UInt64) throws(CheckpointError) -> Range<Int> {
        guard count <= UInt64(end - position) else { throw malformed("a text reaches over the end") }
        defer { position += Int(count) }
        return position..<(position + Int(count))
    }

    mutating func pop() throws(CheckpointError) -> PickleValue {
        guard stack.count > (marks.last ?? 0), let value = stack.popLast() else { throw malformed("stack is empty") }
        return value
    }

    private mutating func popToMark() throws(CheckpointError) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw malformed("no mark") }
        let values = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return values
    }

    /// The depth of a container of `values`, which are frozen by being put in it.
    private mutating func enclose(_ values: [PickleValue]) throws(CheckpointError) -> Int {
        containerElements += values.count
        guard containerElements <= limits.containerElementsMax else { throw .overLimit("containerElementsMax") }
        var depth = 0
        for value in values {
            value.freeze()
            depth = max(depth, value.depth)
        }
        guard depth < limits.nestingMax else { throw .overLimit("nestingMax") }
        return depth + 1
    }

    private mutating func pushTuple(_ values: [PickleValue]) throws(CheckpointError) {
        stack.append(.tuple(values, depth: try enclose(values)))
    }

    // MARK: - Instructions

    private mutating func runScalar(_ opcode: UInt8) throws(CheckpointError) -> Bool {
        switch opcode {
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "K"): stack.append(.integer(Int64(try byte())))
        case UInt8(ascii: "M"): stack.append(.integer(Int64(try integer(UInt16.self))))
        case UInt8(ascii: "J"): stack.append(.integer(Int64(try integer(Int32.self))))
        case 0x8A: stack.append(try longInteger())
        case UInt8(ascii: "G"): stack.append(.float(Double(bitPattern: try integer(UInt64.self).byteSwapped)))
        case UInt8(ascii: "X"): stack.append(.text(try span(UInt64(try integer(UInt32.self)))))
        case 0x8C: stack.append(.text(try span(UInt64(try byte()))))
        case 0x8D: stack.append(.text(try span(try integer(UInt64.self))))
        case UInt8(ascii: "B"), UInt8(ascii: "T"): stack.append(.bytes(try span(UInt64(try integer(UInt32.self)))))
        case UInt8(ascii: "C"), UInt8(ascii: "U"): stack.append(.bytes(try span(UInt64(try byte()))))
        case 0x8E: stack.append(.bytes(try span(try integer(UInt64.self))))
        default: return false
        }
        return true
    }

    /// LONG1: a little-endian two's complement number of up to 255 bytes; more than 8 are refused.
    private mutating func longInteger() throws(CheckpointError) -> PickleValue {
        let count = Int(try byte())
        guard count <= 8 else { throw .unsupported("an integer of \(count) bytes") }
        var value: Int64 = 0
        for index in 0..<count { value |= Int64(try byte()) << (8 * Int64(index)) }
        if count > 0, count < 8, value >> (8 * Int64(count) - 1) & 1 == 1 { value -= 1 << (8 * Int64(count)) }
        return .integer(value)
    }

    private mutating func runContainer(_ opcode: UInt8) throws(CheckpointError) -> Bool {
        switch opcode {
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: ")"): stack.append(.tuple([], depth: 1))
        case UInt8(ascii: "]"): stack.append(.list(PickleList()))
        case UInt8(ascii: "}"): stack.append(.dictionary(PickleDictionary()))
        case UInt8(ascii: "t"): try pushTuple(try popToMark())
        case 0x85: try pushTuple([try pop()])
        case 0x86, 0x87:
            var values: [PickleValue] = []
            for _ in 0..<(opcode == 0x86 ? 2 : 3) { values.append(try pop()) }
            try pushTuple(values.reversed())
        case UInt8(ascii: "a"): try append([try pop()])
        case UInt8(ascii: "e"): try append(try popToMark())
        case UInt8(ascii: "s"):
            let value = try pop()
            try setItems([try pop(), value])
        case UInt8(ascii: "u"): try setItems(try popToMark())
        default: return false
        }
        return true
    }

    private mutating func append(_ values: [PickleValue]) throws(CheckpointError) {
        let depth = try enclose(values)
        guard case .list(let list)? = stack.last, !list.isFrozen else { throw .refusedCall("append") }
        list.elements += values
        list.depth = max(list.depth, depth)
    }

    private mutating func setItems(_ values: [PickleValue]) throws(CheckpointError) {
        let depth = try enclose(values)
        guard case .dictionary(let dictionary)? = stack.last, !dictionary.isFrozen, values.count.isMultiple(of: 2)
        else { throw .refusedCall("set items") }
        for index in stride(from: 0, to: values.count, by: 2) {
            dictionary.members.append((values[index], values[index + 1]))
        }
        dictionary.depth = max(dictionary.depth, depth)
    }

    private mutating func runMemo(_ opcode: UInt8) throws(CheckpointError) -> Bool {
        switch opcode {
        case UInt8(ascii: "q"): try remember(at: UInt32(try byte()))
        case UInt8(ascii: "r"): try remember(at: try integer(UInt32.self))
        case 0x94: try remember(at: UInt32(memo.count))
        case UInt8(ascii: "h"): try recall(UInt32(try byte()))
        case UInt8(ascii: "j"): try recall(try integer(UInt32.self))
        default: return false
        }
        return true
    }

    private mutating func remember(at index: UInt32) throws(CheckpointError) {
        guard stack.count > (marks.last ?? 0), let value = stack.last else { throw malformed("stack is empty") }
        memo[index] = value
        guard memo.count <= limits.memoEntriesMax else { throw .overLimit("memoEntriesMax") }
    }

    private mutating func recall(_ index: UInt32) throws(CheckpointError) {
        guard let value = memo[index] else { throw malformed("memo \(index) was never set") }
        stack.append(value)
    }

    private mutating func runObject(_ opcode: UInt8) throws(CheckpointError) -> Bool {
        switch opcode {
        case 0x80:
            let version = try byte()
            guard (2...5).contains(version) else { throw .unsupported("pickle protocol \(version)") }
        case 0x95: _ = try integer(UInt64.self)
        case UInt8(ascii: "c"): try pushGlobal(module: try line(), name: try line())
        case 0x93:
            let name = try text(try pop())
            try pushGlobal(module: try text(try pop()), name: name)
        case UInt8(ascii: "Q"): stack.append(try persistent(try pop()))
        case UInt8(ascii: "R"):
            let arguments = try pop()
            stack.append(try call(try pop(), arguments))
        case UInt8(ascii: "b"): try build(try pop())
        default: return false
        }
        return true
    }

    private mutating func pushGlobal(module: String, name: String) throws(CheckpointError) {
        guard let callable = PickleCallable(module: module, name: name) else {
            throw .refusedGlobal("\(module).\(name)")
        }
        stack.append(.callable(callable))
    }

    private mutating func line() throws(CheckpointError) -> String {
        let start = position
        while try byte() != UInt8(ascii: "\n") {
            guard position - start <= limits.nameBytesMax else { throw .overLimit("nameBytesMax") }
        }
        return try text(.text(start..<(position - 1)))
    }

    /// A short text, checked to be UTF-8.
    func text(_ value: PickleValue) throws(CheckpointError) -> String {
        guard case .text(let range) = value else { throw malformed("a text was expected") }
        guard range.count <= limits.nameBytesMax else { throw .overLimit("nameBytesMax") }
        guard let text = String(validating: bytes[range], as: UTF8.self) else { throw malformed("a text is not UTF-8") }
        return text
    }
}
