extension PickleMachine {
    /// A persistent id: `('storage', class, key, device, element count)`, as `torch.save` writes them.
    func persistent(_ identifier: PickleValue) throws(CheckpointError) -> PickleValue {
        guard let parts = identifier.tuple, parts.count == 5, try text(parts[0]) == "storage",
            case .callable(.storage(let type)) = parts[1], let elementCount = parts[4].integer, elementCount >= 0
        else { throw .refusedCall("persistent id") }
        return .storage(try storage(type, try text(parts[2]), elementCount))
    }

    /// Imitates the few functions that tensors are made with.
    func call(_ function: PickleValue, _ arguments: PickleValue) throws(CheckpointError) -> PickleValue {
        guard case .callable(let callable) = function, let arguments = arguments.tuple else {
            throw .refusedCall("a value that is no function")
        }
        switch callable {
        case .orderedDictionary:
            guard arguments.isEmpty else { throw .refusedCall("OrderedDict with arguments") }
            return .dictionary(PickleDictionary())
        case .rebuildTensor: return .tensor(try rebuildTensor(arguments))
        case .rebuildParameter:
            guard arguments.count == 3, case .tensor = arguments[0] else { throw .refusedCall("_rebuild_parameter") }
            return arguments[0]
        case .encode:
            guard arguments.count == 2, case .text(let range) = arguments[0], try text(arguments[1]) == "latin1" else {
                throw .refusedCall("_codecs.encode")
            }
            return .latin1(range)
        case .arrayReconstruct:
            guard arguments.count == 3, case .callable(.arrayClass) = arguments[0] else {
                throw .refusedCall("_reconstruct")
            }
            return .array(PickleArray())
        case .elementTypeClass: return .elementType(PickleElementType(try elementType(arguments)))
        case .storage, .arrayClass: throw .refusedCall("a class")
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks[, metadata])`.
    private func rebuildTensor(_ arguments: [PickleValue]) throws(CheckpointError) -> PickleTensor {
        guard (6...7).contains(arguments.count), case .storage(let storage) = arguments[0],
            let offset = arguments[1].integer, offset >= 0, let shape = arguments[2].lengths,
            let strides = arguments[3].lengths, shape.count == strides.count
        else { throw .refusedCall("_rebuild_tensor_v2") }
        guard shape.count <= limits.axesMax else { throw .overLimit("axesMax") }
        return PickleTensor(storage: storage, offset: offset, shape: shape, strides: strides)
    }

    private func elementType(_ arguments: [PickleValue]) throws(CheckpointError) -> TensorElementType {
        guard let code = arguments.first, let type = TensorElementType(numpyCode: try text(code)) else {
            throw .refusedCall("numpy.dtype")
        }
        return type
    }

    /// BUILD: the state of a numpy array, of a numpy element type, or the attributes of an ordered dictionary, which
    /// `state_dict` uses for version notes and which are dropped.
    mutating func build(_ state: PickleValue) throws(CheckpointError) {
        state.freeze()
        guard let target = stack.last else { throw malformed("stack is empty") }
        switch target {
        case .dictionary:
            guard case .dictionary = state else { throw .refusedCall("state of an OrderedDict") }
        case .elementType(let element):
            guard let parts = state.tuple, parts.count >= 2, !element.isFrozen else {
                throw .refusedCall("state of a numpy.dtype")
            }
            let order = try text(parts[1])
            guard order == "<" || order == "|" && element.type.byteCount == 1 else {
                throw .unsupported("numbers that are not little-endian")
            }
        case .array(let array):
            guard !array.isFrozen, array.state == nil else { throw .refusedCall("state of a numpy.ndarray") }
            array.state = try arrayState(state)
        default: throw .refusedCall("state of another value")
        }
    }

    /// `(version, shape, dtype, is_fortran_order, data)`.
    private func arrayState(_ state: PickleValue) throws(CheckpointError) -> PickleArray.State {
        guard let parts = state.tuple, parts.count == 5, let shape = parts[1].lengths,
            case .elementType(let element) = parts[2], case .bool(let isFortranOrder) = parts[3]
        else { throw .refusedCall("state of a numpy.ndarray") }
        guard shape.count <= limits.axesMax else { throw .overLimit("axesMax") }
        guard let strides = TensorView.strides(of: shape, fastestFirst: isFortranOrder) else {
            throw .overLimit("tensorElementsMax")
        }
        let payload: TensorPayload
        switch parts[4] {
        case .bytes(let range): payload = .raw(range)
        case .latin1(let range): payload = .latin1(range)
        default: throw .refusedCall("data of a numpy.ndarray")
        }
        return PickleArray.State(type: element.type, shape: shape, strides: strides, payload: payload)
    }
}
