internal import CLibAV

/// Reads a container to its end without decoding, so that at upload a cut file is refused and the length that is
/// charged for is that of the audio, not an estimate and not a header's lie.
///
/// Not where decoding itself ends by the track's own table, as in most MPEG-4 files. For PCM it is no more than
/// reading the file.
struct PacketScan {
    /// Seconds of audio in the stream's packets; nil where a scan would tell nothing.
    static func seconds(of input: MediaInput) -> Double? {
        guard input.trackFrameCount == nil, let packet = av_packet_alloc() else { return nil }
        let frameBytes = bytesPerFrame(of: input)
        var frames: Int64 = 0
        var ticks: Int64 = 0
        var silentSamples: Int64 = 0
        var span = TimeSpan()
        // An error ends the audio here as it does when decoding.
        while av_read_frame(input.format, packet) >= 0 {
            if packet.pointee.stream_index == input.stream.pointee.index {
                if frameBytes > 0 {
                    // A container may tell any duration of a block; PCM's bytes do not lie.
                    frames += Int64(packet.pointee.size) / frameBytes
                } else {
                    ticks += packet.pointee.duration
                    span.take(packet.pointee)
                }
                silentSamples += skippedSamples(packet)
            }
            av_packet_unref(packet)
        }
        let base = input.stream.pointee.time_base
        // Where the clock is coarser than a sample (Matroska's millisecond), each duration has lost its rest.
        if base.den / max(1, base.num) < input.probe.sampleRate { ticks = max(ticks, span.ticks) }
        let seconds =
            Double(ticks) * Double(base.num) / Double(base.den)
            + Double(frames - silentSamples) / Double(input.probe.sampleRate)
        return seconds > 0 ? seconds : nil
    }

    /// PCM's bytes a frame of all channels; 0 for everything else.
    private static func bytesPerFrame(of input: MediaInput) -> Int64 {
        guard input.probe.isPCM else { return 0 }
        let bits = av_get_exact_bits_per_sample(input.codec.pointee.codec_id)
        return Int64(bits) * Int64(input.probe.channelCount) / 8
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

/// From the first packet's begin to the last one's end, in ticks.
private struct TimeSpan {
    private var first = Int64.max
    private var end = Int64.min

    var ticks: Int64 { first < end ? end.subtractingReportingOverflow(first).partialValue : 0 }

    mutating func take(_ packet: AVPacket) {
        guard packet.pts != cadenza_no_pts() else { return }
        first = min(first, packet.pts)
        end = max(end, packet.pts.addingReportingOverflow(packet.duration).partialValue)
    }
}

/// How far a header's promise of a length may be from what is there.
enum PromisedDuration {
    /// More than 1 s, or more than 1 % and 0.1 s, are too far: encoder delays that some headers count in are
    /// shorter than that.
    private static let secondsMax = 1.0
    private static let shareMax = 0.01
    private static let secondsAllowed = 0.1

    private static func tolerance(_ promised: Double) -> Double {
        min(secondsMax, max(shareMax * promised, secondsAllowed))
    }

    /// Refuses a promise of more than was found.
    static func check(promised: Double, found: Double) throws(MediaError) {
        guard promised - found > tolerance(promised) else { return }
        throw MediaError(
            .mediaTruncated,
            "The file ends too early: its header promises \(MediaInput.text(promised)) s, "
                + "\(MediaInput.text(found)) s are there")
    }

    /// Whether more was found than the promise covers.
    static func isExceeded(promised: Double, found: Double) -> Bool { found - promised > tolerance(promised) }
}
