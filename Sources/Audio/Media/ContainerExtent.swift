/// How many bytes of audio data the container's own structure promises, and how many the file holds.
///
/// Read before libavformat's duration is believed, so that a cut file is refused at upload and not after an hour
/// of work: RIFF/WAVE and AIFF by the data chunk's size, MPEG-4 by its top-level boxes, mp3 by the byte count
/// of its Xing/Info header. A WAVE data size of 0 or 2³²−1 is a live stream's: no promise.
struct ContainerExtent {
    private(set) var promised: Int64 = 0
    private(set) var available: Int64 = 0

    /// More top-level chunks than this are not walked.
    private static let chunksMax = 4096
    /// What stands at the top of an MPEG-4 file (ISO/IEC 14496-12, and QuickTime's `wide` and `pnot`).
    private static let boxes: Set<String> = [
        "ftyp", "styp", "moov", "moof", "mdat", "mfra", "free", "skip", "wide", "pnot", "udta", "meta", "uuid", "sidx",
        "ssix", "prft", "emsg", "pdin",
    ]
    /// A file is cut when more than this share, or this many seconds, are missing.
    private static let shareMax = 0.01
    private static let secondsMax = 1.0

    init(window: FileWindow, byteCount: Int64) {
        let head = window.bytes(at: 0, count: 12)
        guard head.count == 12 else { return }
        switch (Self.tag(head, 0), Self.tag(head, 8)) {
        case ("RIFF", "WAVE"): walkChunks(window, byteCount, data: "data", isBigEndian: false)
        case ("FORM", "AIFF"), ("FORM", "AIFC"): walkChunks(window, byteCount, data: "SSND", isBigEndian: true)
        case _ where Self.tag(head, 4) == "ftyp": walkBoxes(window, byteCount)
        default: readXing(window, byteCount)
        }
    }

    func isCut(durationSeconds: Double?) -> Bool {
        guard promised > 0, available < promised else { return false }
        let missing = Double(promised - available) / Double(promised)
        return missing > Self.shareMax || missing * (durationSeconds ?? 0) > Self.secondsMax
    }

    var truncation: MediaError {
        MediaError(
            .mediaTruncated,
            "The file ends too early: its header promises \(promised) bytes of audio, \(available) are there")
    }

    private mutating func walkChunks(_ window: FileWindow, _ byteCount: Int64, data: String, isBigEndian: Bool) {
        var offset: Int64 = 12
        for _ in 0..<Self.chunksMax {
            let head = window.bytes(at: offset, count: 8)
            guard head.count == 8 else { return }
            let size = Int64(Self.number(head, 4, count: 4, isBigEndian: isBigEndian))
            if Self.tag(head, 0) == data {
                guard size != 0, size != 0xFFFF_FFFF else { return }
                (promised, available) = (size, byteCount - offset - 8)
                return
            }
            offset += 8 + size + size % 2
        }
    }

    private mutating func walkBoxes(_ window: FileWindow, _ byteCount: Int64) {
        var offset: Int64 = 0
        for _ in 0..<Self.chunksMax {
            let head = window.bytes(at: offset, count: 16)
            guard head.count >= 8 else { return }
            var size = UInt64(Self.number(head, 0, count: 4, isBigEndian: true))
            if size == 1, head.count == 16 { size = Self.number(head, 8, count: 8, isBigEndian: true) }
            // 0: the box runs to the end of the file, whatever that is.
            guard size >= 8, size < 1 << 62 else { return }
            if offset + Int64(size) > byteCount {
                // An ID3v1 tag or other rubbish behind the last box promises nothing.
                if Self.boxes.contains(Self.tag(head, 4)) {
                    (promised, available) = (Int64(size), byteCount - offset)
                }
                return
            }
            offset += Int64(size)
        }
    }

    /// Source: the Xing VBR header as LAME writes it ("Info" for constant bit rate): flags, frames, bytes.
    private mutating func readXing(_ window: FileWindow, _ byteCount: Int64) {
        var offset: Int64 = 0
        let tag = window.bytes(at: 0, count: 10)
        if tag.count == 10, Self.tag(tag, 0).hasPrefix("ID3") {
            offset = 10 + tag[6...9].reduce(0) { $0 << 7 | Int64($1 & 0x7F) } + (tag[5] & 0x10 == 0 ? 0 : 10)
        }
        let frame = window.bytes(at: offset, count: 64)
        guard frame.count == 64, frame[0] == 0xFF, frame[1] & 0xE6 == 0xE2 else { return }
        let isVersion1 = frame[1] & 0x18 == 0x18
        let isMono = frame[3] >> 6 == 3
        let at = 4 + (isVersion1 ? (isMono ? 17 : 32) : (isMono ? 9 : 17))
        guard ["Xing", "Info"].contains(Self.tag(frame, at)), frame[at + 7] & 3 == 3 else { return }
        (promised, available) = (
            Int64(Self.number(frame, at + 12, count: 4, isBigEndian: true)), byteCount - offset
        )
    }

    private static func tag(_ bytes: [UInt8], _ at: Int) -> String {
        String(decoding: bytes[at..<at + 4], as: UTF8.self)
    }

    private static func number(_ bytes: [UInt8], _ at: Int, count: Int, isBigEndian: Bool) -> UInt64 {
        (0..<count).reduce(0) { $0 << 8 | UInt64(bytes[at + (isBigEndian ? $1 : count - 1 - $1)]) }
    }
}
