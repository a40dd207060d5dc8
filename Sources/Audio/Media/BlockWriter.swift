internal import Glibc

/// Gathers planar float audio into records of a fixed frame count and sends them.
final class BlockWriter {
    private let output: RecordOutput
    private let channelCount: Int
    private let storage: UnsafeMutableRawBufferPointer
    private var filled = 0
    /// Frames appended so far.
    private(set) var frameCount: Int64 = 0
    /// NaNs and infinities, which were silenced.
    private(set) var nonFiniteCount: Int64 = 0

    /// 128 KiB a block of stereo: two system calls a block are then lost in the decoding.
    static let framesPerBlock = 16_384

    init(channelCount: Int, output: RecordOutput) {
        self.channelCount = channelCount
        self.output = output
        // SAFETY: owned here, freed in deinit.
        storage = .allocate(
            byteCount: MediaRecord.headByteCount + channelCount * Self.framesPerBlock * 4, alignment: 64)
    }

    deinit { storage.deallocate() }

    func append(_ planes: [UnsafeBufferPointer<Float>], frameCountMax: Int = .max) throws(MediaError) {
        let total = min(planes.first?.count ?? 0, frameCountMax)
        var taken = 0
        while taken < total {
            let count = min(total - taken, Self.framesPerBlock - filled)
            for (channel, plane) in planes.enumerated() {
                copy(plane[taken..<taken + count], to: channel)
            }
            taken += count
            try advance(count)
        }
    }

    /// Appends silence until `total` frames have been appended in all.
    func fill(upTo total: Int64) throws(MediaError) {
        while frameCount < total {
            let count = min(Int(total - frameCount), Self.framesPerBlock - filled)
            for channel in 0..<channelCount { plane(channel)[filled..<filled + count].update(repeating: 0) }
            try advance(count)
        }
    }

    /// Sends the last, shorter block.
    func flush() throws(MediaError) {
        guard filled > 0 else { return }
        for channel in 1..<max(1, channelCount) {
            let start = MediaRecord.headByteCount + channel * filled * 4
            // SAFETY: both ranges lie in `storage`; the planes move towards its start, in order, and may overlap.
            if let target = storage.baseAddress, let source = plane(channel).baseAddress {
                memmove(target + start, source, filled * 4)
            }
        }
        let byteCount = channelCount * filled * 4
        storage.copyBytes(from: MediaRecord.head(.audio, byteCount: byteCount))
        try output.send(UnsafeRawBufferPointer(rebasing: storage[..<(MediaRecord.headByteCount + byteCount)]))
        filled = 0
    }

    private func advance(_ count: Int) throws(MediaError) {
        filled += count
        frameCount += Int64(count)
        if filled == Self.framesPerBlock { try flush() }
    }

    private func plane(_ channel: Int) -> UnsafeMutableBufferPointer<Float> {
        let start = MediaRecord.headByteCount + channel * Self.framesPerBlock * 4
        // SAFETY: in range by construction; 8 and 65 536 keep floats aligned.
        return UnsafeMutableRawBufferPointer(rebasing: storage[start..<start + Self.framesPerBlock * 4])
            .assumingMemoryBound(to: Float.self)
    }

    private func copy(_ samples: Slice<UnsafeBufferPointer<Float>>, to channel: Int) {
        let target = UnsafeMutableBufferPointer(rebasing: plane(channel)[filled..<filled + samples.count])
        let source = UnsafeBufferPointer(rebasing: samples)
        var bad: Int64 = 0
        for index in 0..<source.count {
            let sample = source[index]
            target[index] = sample.isFinite ? sample : 0
            bad += sample.isFinite ? 0 : 1
        }
        nonFiniteCount += bad
    }
}
