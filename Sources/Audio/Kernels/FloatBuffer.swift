/// Zeroed float memory on a cache-line boundary, freed with its owner.
public struct FloatBuffer: ~Copyable, @unchecked Sendable {
    // SAFETY: allocated in init, freed in deinit; not copyable, so it has one owner, who may move it between threads.
    /// Valid while the buffer lives; who takes it keeps the buffer alive and orders concurrent writes.
    public let elements: UnsafeMutableBufferPointer<Float>

    public var count: Int { elements.count }

    public init(count: Int) {
        precondition(count >= 0)
        // SAFETY: `count` floats fit the byte count; the alignment is a power of two.
        let raw = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
        elements = UnsafeMutableBufferPointer(
            start: raw.baseAddress?.bindMemory(to: Float.self, capacity: max(count, 1)), count: count)
        elements.initialize(repeating: 0)
    }

    deinit { UnsafeMutableRawPointer(elements.baseAddress)?.deallocate() }

    /// The elements for reading.
    public var values: UnsafeBufferPointer<Float> { UnsafeBufferPointer(elements) }
}
