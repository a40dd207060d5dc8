internal import Glibc
internal import Kernels

/// Equally long rows of floats at fixed addresses, zeroed.
final class FloatPlanes: @unchecked Sendable {
    // SAFETY: the memory lives as long as the object; who may touch which row when is the owner's rule.
    private let buffer: FloatBuffer
    let planeCount: Int
    let capacity: Int

    init(planes: Int, capacity: Int) {
        planeCount = planes
        self.capacity = capacity
        buffer = FloatBuffer(count: planes * capacity)
    }

    /// A row's elements from `offset` on.
    func plane(_ index: Int, from offset: Int = 0) -> UnsafeMutableBufferPointer<Float> {
        precondition(index < planeCount && offset <= capacity)
        return UnsafeMutableBufferPointer(
            rebasing: buffer.elements[index * capacity + offset..<(index + 1) * capacity])
    }

    /// `count` elements of a row from `offset` on, for reading.
    func values(_ index: Int, from offset: Int = 0, count: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(rebasing: plane(index, from: offset)[..<count])
    }

    /// All rows in one.
    var all: UnsafeMutableBufferPointer<Float> { buffer.elements }
}

/// Moves the `count` elements at `start` to the front.
func moveToFront(_ elements: UnsafeMutableBufferPointer<Float>, from start: Int, count: Int) {
    guard let base = elements.baseAddress, start > 0, count > 0 else { return }
    precondition(start + count <= elements.count)
    // SAFETY: both ranges lie inside `elements`; memmove allows them to overlap.
    memmove(base, base + start, count * MemoryLayout<Float>.stride)
}
