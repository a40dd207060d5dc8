import Media
import Testing

/// Containers whose header tells another length than their audio has: the price is the audio's.
@Suite struct PacketScanTests {
    /// Thirty seconds of mono silence at 44.1 kHz, in a header that says one second.
    private enum Liar: String, CaseIterable {
        case flac, aiff, wav, matroska
    }

    private static let byteCount = 30 * 44_100 * 2

    private func write(_ liar: Liar, in scratch: Scratch) throws -> String {
        let silence = [UInt8](repeating: 0, count: Self.byteCount)
        switch liar {
        case .flac:
            let path = scratch.file("whole.flac")
            _ = try encode(tone(seconds: 30, channelCount: 1), .flac, to: path)
            var bytes = try Scratch.read(path)
            // STREAMINFO's 36-bit sample count (RFC 9639, 8.2).
            bytes[21] &= 0xF0
            bytes.replaceSubrange(22..<26, with: bigEndian(44_100, 4))
            return try scratch.write(bytes, "x.flac")
        case .aiff: return try scratch.write(aiffFile(frameCount: 44_100, data: silence), "x.aiff")
        case .wav:
            var bytes = waveFile(channelCount: 1, dataBytes: Self.byteCount, claimedBytes: .max)
            // A `fact` chunk before `data`, which begins at byte 36.
            bytes.insert(contentsOf: Array("fact".utf8) + [4, 0, 0, 0] + bigEndian(44_100, 4).reversed(), at: 36)
            return try scratch.write(bytes, "x.wav")
        case .matroska:
            let blocks = stride(from: 0, to: silence.count, by: 8820).enumerated().map { index, start in
                (index * 100, Array(silence[start..<start + 8820]))
            }
            return try scratch.write(matroskaFile(seconds: 1, codec: "A_PCM/INT/LIT", blocks: blocks), "x.mka")
        }
    }

    @Test(arguments: Liar.allCases)
    private func `a header that tells too little does not make the audio cheaper`(liar: Liar) throws {
        let scratch = try Scratch()
        let path = try write(liar, in: scratch)
        let decoded = try decode(path).summary.durationSeconds
        #expect(abs(decoded - 30) < 0.001)
        let probed = try #require(MediaInspector.probe(path: path).durationSeconds)
        #expect(abs(probed - decoded) < 0.001, "\(probed) s probed, \(decoded) s decoded")
    }

    @Test(arguments: Liar.allCases)
    private func `a header that tells too little does not pass the limit at the door`(liar: Liar) throws {
        let scratch = try Scratch()
        let path = try write(liar, in: scratch)
        var limits = MediaLimits()
        limits.durationSecondsMax = 20
        expectRefusal(.mediaTooLong) { _ = try MediaInspector.probe(path: path, limits: limits) }
    }

    @Test func `a container that counts in milliseconds does not lose the rest of each packet`() throws {
        let scratch = try Scratch()
        // Five minutes of silent mp3 frames (ISO/IEC 11172-3), mono, 32 kbit/s: 26.12 ms each.
        let frame: [UInt8] = [0xFF, 0xFB, 0x10, 0xC0] + [UInt8](repeating: 0, count: 100)
        let count = 11_484
        let blocks = (0..<count).map { (($0 * 1152 * 1000 + 22_050) / 44_100, frame) }
        let seconds = Double(count * 1152) / 44_100
        let path = try scratch.write(matroskaFile(seconds: seconds, codec: "A_MPEG/L3", blocks: blocks), "x.mka")
        let probed = try #require(MediaInspector.probe(path: path).durationSeconds)
        #expect(abs(probed - seconds) < 0.1)
        let decoded = try decode(path).summary.durationSeconds
        #expect(abs(probed - decoded) < 0.1, "\(probed) s probed, \(decoded) s decoded")
    }
}

private func bigEndian(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
}

/// AIFF, 16-bit mono at 44.1 kHz, its COMM chunk saying what the test wants it to say.
private func aiffFile(frameCount: Int, data: [UInt8]) -> [UInt8] {
    // 44 100 as an 80-bit extended number.
    let rate: [UInt8] = [0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0]
    let common =
        Array("COMM".utf8) + bigEndian(18, 4) + bigEndian(1, 2) + bigEndian(frameCount, 4) + bigEndian(16, 2) + rate
    let sound = Array("SSND".utf8) + bigEndian(data.count + 8, 4) + bigEndian(0, 8) + data
    let form = Array("AIFF".utf8) + common + sound
    return Array("FORM".utf8) + bigEndian(form.count, 4) + form
}

/// Matroska (RFC 9559) with 16-bit mono at 44.1 kHz in blocks at these milliseconds, its Duration as told.
private func matroskaFile(seconds: Double, codec: String, blocks: [(Int, [UInt8])]) -> [UInt8] {
    func element(_ identifier: [UInt8], _ body: [UInt8]) -> [UInt8] {
        // A size of five bytes.
        identifier + [0x08] + bigEndian(body.count, 4) + body
    }
    func real(_ value: Double) -> [UInt8] { bigEndian(Int(bitPattern: UInt(value.bitPattern)), 8) }
    let head = element([0x1A, 0x45, 0xDF, 0xA3], element([0x42, 0x82], Array("matroska".utf8)))
    let information = element([0x15, 0x49, 0xA9, 0x66], element([0x44, 0x89], real(seconds * 1000)))
    let audio = element([0xB5], real(44_100)) + element([0x9F], [1]) + element([0x62, 0x64], [16])
    let track =
        element([0xD7], [1]) + element([0x73, 0xC5], [1]) + element([0x83], [2])
        + element([0x86], Array(codec.utf8)) + element([0xE1], audio)
    let tracks = element([0x16, 0x54, 0xAE, 0x6B], element([0xAE], track))
    var clusters: [UInt8] = []
    for (milliseconds, data) in blocks {
        let time = element([0xE7], bigEndian(milliseconds, 4))
        clusters += element([0x1F, 0x43, 0xB6, 0x75], time + element([0xA3], [0x81, 0, 0, 0x80] + data))
    }
    return head + element([0x18, 0x53, 0x80, 0x67], information + tracks + clusters)
}
