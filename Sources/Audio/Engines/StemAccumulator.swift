internal import Glibc
internal import Kernels

/// Where the passes of an ensemble meet: sums of the stems' samples, from the first that is not written yet.
///
/// Positions are the song's, at 44.1 kHz. Different threads may add to different planes at once; everything else
/// belongs to the engine's thread.
final class StemAccumulator: @unchecked Sendable {
    // SAFETY: planes are touched by one thread each while a round is under way, by the owner between rounds.
    private let sums: FloatPlanes
    /// The position of the planes' first element.
    private(set) var base: Int64 = 0
    /// For each pass, the position up to which it has added everything.
    private var done: [Int64]
    /// The song's length, once it is known: nothing is kept beyond.
    private var limit = Int64.max

    init(planes: Int, passes: Int, capacity: Int) {
        sums = FloatPlanes(planes: planes, capacity: capacity)
        done = [Int64](repeating: 0, count: passes)
    }

    /// Adds `gain · samples` at `position`; what lies before the song or behind its end is dropped.
    func add(_ samples: UnsafeBufferPointer<Float>, gain: Float, plane: Int, at position: Int64) {
        let first = Int(max(0, -position))
        let count = Int(min(position + Int64(samples.count), limit) - position)
        guard first < count else { return }
        let offset = Int(position + Int64(first) - base)
        let target = UnsafeMutableBufferPointer(rebasing: sums.plane(plane, from: offset)[..<(count - first)])
        Gain.add(UnsafeBufferPointer(rebasing: samples[first..<count]), gain: gain, to: target)
    }

    /// Says that `pass` has added all of its samples before `position`.
    func advance(pass: Int, to position: Int64) { done[pass] = max(0, min(position, limit)) }

    func end(at sampleCount: Int64) {
        limit = sampleCount
        for pass in done.indices { done[pass] = min(done[pass], sampleCount) }
    }

    /// Frames from `base` on that every pass has completed.
    var readyCount: Int { Int((done.min() ?? base) - base) }

    /// The completed samples of a plane; `residual` writes there.
    func ready(_ plane: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(rebasing: sums.plane(plane)[..<readyCount])
    }

    /// Forgets the completed samples.
    func drop() {
        let count = readyCount
        let left = Int((done.max() ?? base) - base) - count
        for index in 0..<sums.planeCount {
            let plane = sums.plane(index)
            moveToFront(plane, from: count, count: left)
            UnsafeMutableBufferPointer(rebasing: plane[left..<left + count]).update(repeating: 0)
        }
        base += Int64(count)
    }
}
