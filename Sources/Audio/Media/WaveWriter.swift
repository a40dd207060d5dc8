internal import Core
internal import Glibc

/// Writes RIFF/WAVE; beyond 4 GiB it becomes RF64 (EBU Tech 3306) in the place kept for that.
struct WaveWriter: ~Copyable {
    private let descriptor: Int32
    private let format: AudioFormat
    private let sampleRate: Int
    private let channelCount: Int
    private var quantiser: Quantiser
    private var buffer: [UInt8] = []
    private var dataByteCount: Int64 = 0

    private static let bufferByteCount = 1 << 18

    init(
        path: String, format: AudioFormat, sampleRate: Int, channelCount: Int, options: AudioEncoder.Options
    ) throws(MediaError) {
        self.format = format
        self.sampleRate = sampleRate
        self.channelCount = channelCount
        quantiser = Quantiser(
            bits: format == .wav16 ? 16 : 24, dithers: options.dither, seed: options.ditherSeed)
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.failure(errno) }
        buffer.reserveCapacity(Self.bufferByteCount + 4096)
        buffer = header()
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    var clippedSampleCount: Int64 { quantiser.clippedCount }

    private var bytesPerSample: Int {
        switch format {
        case .wav16: 2
        case .wav24: 3
        default: 4
        }
    }

    mutating func write(_ planes: [UnsafeBufferPointer<Float>], frameCount: Int) throws(MediaError) {
        for frame in 0..<frameCount {
            for plane in planes { append(plane[frame]) }
            if buffer.count >= Self.bufferByteCount { try flush() }
        }
        dataByteCount += Int64(frameCount * channelCount * bytesPerSample)
    }

    /// Completes the header and returns the file's size.
    mutating func finish() throws(MediaError) -> Int64 {
        if dataByteCount % 2 == 1 { buffer.append(0) }
        try flush()
        let completed = header()
        let count = pwrite(descriptor, completed, completed.count, 0)
        guard count == completed.count else { throw Self.failure(errno) }
        return Int64(completed.count) + dataByteCount + dataByteCount % 2
    }

    private mutating func append(_ sample: Float) {
        if format == .wav32f {
            put(sample.bitPattern)
            return
        }
        let value = UInt32(bitPattern: quantiser.quantise(sample))
        buffer.append(UInt8(truncatingIfNeeded: value))
        buffer.append(UInt8(truncatingIfNeeded: value >> 8))
        if format == .wav24 { buffer.append(UInt8(truncatingIfNeeded: value >> 16)) }
    }

    private mutating func put(_ word: UInt32) {
        for shift in 0..<4 { buffer.append(UInt8(truncatingIfNeeded: word >> (8 * UInt32(shift)))) }
    }

    private mutating func flush() throws(MediaError) {
        var written = 0
        while written < buffer.count {
            let count = buffer.withUnsafeBytes { all in
                Glibc.write(descriptor, all.baseAddress.map { $0 + written }, all.count - written)
            }
            if count > 0 {
                written += count
            } else if errno != EINTR {
                throw Self.failure(errno)
            }
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// The header for what has been written so far; its length never changes.
    private func header() -> [UInt8] {
        let isFloat = format == .wav32f
        // More than two channels or 16 bits call for the extensible form (Microsoft, "Multiple Channel Audio Data").
        let isExtensible = channelCount > 2 || format == .wav24
        let frames = dataByteCount / Int64(bytesPerSample * channelCount)
        var format = LittleEndianFields()
        format.put16(isExtensible ? 0xFFFE : isFloat ? 3 : 1)
        format.put16(channelCount)
        format.put32(UInt64(sampleRate))
        format.put32(UInt64(sampleRate * channelCount * bytesPerSample))
        format.put16(channelCount * bytesPerSample)
        format.put16(bytesPerSample * 8)
        if isExtensible {
            format.put16(22)
            format.put16(bytesPerSample * 8)
            format.put32(Self.speakers(channelCount))
            format.put16(isFloat ? 3 : 1)
            format.bytes += [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
        } else if isFloat {
            format.put16(0)
        }
        let chunkBytes = 4 + 36 + 8 + format.bytes.count + (isFloat ? 12 : 0) + 8
        let riffBytes = UInt64(chunkBytes) + UInt64(dataByteCount + dataByteCount % 2)
        let isLarge = riffBytes >= 0xFFFF_FFFF
        var all = LittleEndianFields()
        all.tag(isLarge ? "RF64" : "RIFF")
        all.put32(isLarge ? 0xFFFF_FFFF : riffBytes)
        all.tag("WAVE")
        all.tag(isLarge ? "ds64" : "JUNK")
        all.put32(28)
        for value in [riffBytes, UInt64(dataByteCount), UInt64(frames)] { all.put64(isLarge ? value : 0) }
        all.put32(0)
        all.tag("fmt ")
        all.put32(UInt64(format.bytes.count))
        all.bytes += format.bytes
        if isFloat {
            all.tag("fact")
            all.put32(4)
            all.put32(isLarge ? 0xFFFF_FFFF : UInt64(frames))
        }
        all.tag("data")
        all.put32(isLarge ? 0xFFFF_FFFF : UInt64(dataByteCount))
        return all.bytes
    }

    /// The usual speakers of so many channels, as libavutil's default layouts have them.
    private static func speakers(_ channelCount: Int) -> UInt64 {
        [0x4, 0x3, 0xB, 0x107, 0x37, 0x3F, 0x70F, 0x63F][channelCount - 1]
    }

    static func failure(_ code: Int32) -> MediaError {
        code == ENOSPC || code == EDQUOT || code == EFBIG
            ? MediaError(.storageFull, "There is no room for the encoded file")
            : MediaError(.internalError, "The encoded file cannot be written", cause: String(cString: strerror(code)))
    }
}
