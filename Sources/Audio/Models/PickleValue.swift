/// What the restricted pickle machine can hold. Texts and bytes stay in the file: only their place is kept.
indirect enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int64)
    case float(Double)
    /// UTF-8 bytes of the file.
    case text(Range<Int>)
    /// Bytes of the file as they are.
    case bytes(Range<Int>)
    /// Bytes that the file holds as the UTF-8 of their Latin-1 characters: how protocol 2 writes `bytes`.
    case latin1(Range<Int>)
    case tuple([PickleValue], depth: Int)
    case list(PickleList)
    case dictionary(PickleDictionary)
    case callable(PickleCallable)
    case storage(PickleStorage)
    case tensor(PickleTensor)
    case elementType(PickleElementType)
    case array(PickleArray)

    /// How deep containers are nested in this value; bounded, so that releasing it cannot overflow the stack.
    var depth: Int {
        switch self {
        case .tuple(_, let depth): depth
        case .list(let list): list.depth
        case .dictionary(let dictionary): dictionary.depth
        default: 0
        }
    }

    var integer: Int? { if case .integer(let value) = self { Int(exactly: value) } else { nil } }
    var tuple: [PickleValue]? { if case .tuple(let elements, _) = self { elements } else { nil } }

    /// The elements of a tuple of whole numbers, none negative.
    var lengths: [Int]? {
        guard let elements = tuple else { return nil }
        let lengths = elements.compactMap(\.integer)
        return lengths.count == elements.count && lengths.allSatisfy { $0 >= 0 } ? lengths : nil
    }

    /// A container that another one holds can no longer change: so nothing can contain itself, and `depth` stays true.
    func freeze() {
        switch self {
        case .list(let list): list.isFrozen = true
        case .dictionary(let dictionary): dictionary.isFrozen = true
        case .array(let array): array.isFrozen = true
        case .elementType(let type): type.isFrozen = true
        default: break
        }
    }
}

final class PickleList {
    var elements: [PickleValue] = []
    var depth = 1
    var isFrozen = false
}

final class PickleDictionary {
    var members: [(key: PickleValue, value: PickleValue)] = []
    var depth = 1
    var isFrozen = false
}

/// A storage that a persistent id names: its element type and where the numbers are.
struct PickleStorage {
    var type: TensorElementType
    var elementCount: Int
    /// The byte range in the file.
    var bytes: Range<Int>
}

struct PickleTensor {
    var storage: PickleStorage
    var offset: Int
    var shape: [Int]
    var strides: [Int]
}

/// A numpy element type while it is being built.
final class PickleElementType {
    let type: TensorElementType
    var isFrozen = false

    init(_ type: TensorElementType) { self.type = type }
}

/// A numpy array while it is being built: empty until its state arrives.
final class PickleArray {
    struct State {
        var type: TensorElementType
        var shape: [Int]
        var strides: [Int]
        var payload: TensorPayload
    }
    var state: State?
    var isFrozen = false
}

/// Everything a checkpoint's pickle may name; each is imitated here, none is run.
enum PickleCallable: Hashable {
    case rebuildTensor, rebuildParameter, orderedDictionary
    case storage(TensorElementType)
    case arrayReconstruct, arrayClass, elementTypeClass, encode

    init?(module: String, name: String) {
        switch (module, name) {
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"):
            self = .arrayReconstruct
        case ("numpy", "ndarray"): self = .arrayClass
        case ("numpy", "dtype"): self = .elementTypeClass
        case ("_codecs", "encode"): self = .encode
        case ("torch", let storage):
            guard let type = Self.storages[storage] else { return nil }
            self = .storage(type)
        default: return nil
        }
    }

    private static let storages: [String: TensorElementType] = [
        "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16, "DoubleStorage": .float64,
        "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8,
        "ByteStorage": .uint8, "BoolStorage": .bool,
    ]
}
