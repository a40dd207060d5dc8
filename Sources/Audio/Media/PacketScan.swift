internal import CLibAV

/// Reads a container to its end without decoding, so that at upload a cut file is refused and the length that is
/// charged for is that of the audio, not an estimate.
///
/// Only where it tells more than the container's own structure, which `ContainerExtent` has held against the
/// file: not for PCM and not for MPEG-4, whose lengths stand in bytes.
struct PacketScan {
    private static let codecsWithPackets = ["mp3", "mp2", "aac", "vorbis", "opus", "flac"]

    /// Seconds of audio in the stream's packets; nil where a scan would tell nothing.
    static func seconds(of input: MediaInput) -> Double? {
        guard codecsWithPackets.contains(input.probe.codec), input.probe.container != "mov",
            let packet = av_packet_alloc()
        else { return nil }
        var ticks: Int64 = 0
        var silentSamples: Int64 = 0
        // An error ends the audio here as it does when decoding.
        while av_read_frame(input.format, packet) >= 0 {
            if packet.pointee.stream_index == input.stream.pointee.index {
                ticks += packet.pointee.duration
                silentSamples += skippedSamples(packet)
            }
            av_packet_unref(packet)
        }
        let base = input.stream.pointee.time_base
        let seconds =
            Double(ticks) * Double(base.num) / Double(base.den)
            - Double(silentSamples) / Double(input.probe.sampleRate)
        return seconds > 0 ? seconds : nil
    }

    /// What the decoder will drop of a packet: an encoder's delay in front, its padding at the end.
    private static func skippedSamples(_ packet: UnsafeMutablePointer<AVPacket>) -> Int64 {
        var size = 0
        guard let data = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size), size >= 8 else { return 0 }
        // SAFETY: libav gave `size` bytes, of which the first eight are two little-endian numbers.
        let bytes = UnsafeRawBufferPointer(start: data, count: 8)
        return Int64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)))
            + Int64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
    }
}

/// When a header's promise of a length is broken.
enum PromisedDuration {
    /// More than 1 s, or more than 1 % and 0.1 s, are missing: encoder delays that some headers count in are
    /// shorter than that.
    private static let missingSecondsMax = 1.0
    private static let missingShareMax = 0.01
    private static let missingSecondsAllowed = 0.1

    static func check(promised: Double, found: Double) throws(MediaError) {
        let allowed = max(missingShareMax * promised, missingSecondsAllowed)
        guard promised - found > min(missingSecondsMax, allowed) else { return }
        throw MediaError(
            .mediaTruncated,
            "The file ends too early: its header promises \(MediaInput.text(promised)) s, "
                + "\(MediaInput.text(found)) s are there")
    }
}
