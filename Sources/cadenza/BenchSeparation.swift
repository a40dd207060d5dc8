import ArgumentParser
import Core
import Engines
import Glibc
import Media
import Models

/// `cadenza separate` in a process of its own, model load included; with `--peer`, PyTorch beside it.
struct BenchSeparation: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "separation", abstract: "Measure `cadenza separate`: speed, memory, time per stage.")

    @Option(help: "A song; without it one is made.") var input: String?
    @Option(help: "How long the made song is.") var minutes = 3.0
    @Flag(help: "Measure PyTorch with the same weights on two threads, too.") var peer = false
    @Option(help: "The Python that has torch and numpy.") var python = "python3"
    @Option(help: "The peer.") var peerScript = "Tests/Peers/separation_peer.py"
    @OptionGroup var options: SeparationArguments
    @OptionGroup var models: ModelsOption
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let chosen = try options.checked()
        guard minutes > 0, minutes <= 120 else {
            throw CommandFailure("--minutes is \(minutes); allowed: above 0, up to 120", exit: .usage)
        }
        let folder = try ScratchFolder()
        defer { folder.remove() }
        let song = try input ?? BenchSong.make(in: folder.path, minutes: minutes)
        let ours = try measureOurs(song: song, format: chosen.format, out: folder.path + "/ours")
        let kernels = try KernelBench.measure()
        let theirs = peer ? try measurePeer(song: song, out: folder.path + "/peer") : nil
        if json {
            print(ours.json(kernels: kernels, peer: theirs).text)
        } else {
            ours.print(kernels: kernels, peer: theirs)
        }
    }

    private func measureOurs(song: String, format: AudioFormat, out: String) throws -> SeparationMeasurement {
        var command = [
            Self.ownPath, "separate", song, "--out", out, "--json", "--model", options.model, "--format",
            format.rawValue, "--shifts", "\(options.shifts)", "--models-directory", try models.store().directory,
        ]
        if options.residual { command.append("--residual") }
        if let overlap = options.overlap { command += ["--overlap", "\(overlap)"] }
        if let stems = options.stems { command += ["--stems", stems] }
        let process = try MeasuredProcess(command)
        guard process.status == 0 else {
            throw CommandFailure("`cadenza separate` ended with status \(process.status)", exit: .software)
        }
        return SeparationMeasurement(process: process, report: try JSONParser.parse(process.output))
    }

    private func measurePeer(song: String, out: String) throws -> PeerMeasurement {
        let process = try MeasuredProcess([
            python, peerScript, "--checkpoints", "\(try models.store().directory)/spleeter-2stems", "--input", song,
            "--out", out, "--threads", "2",
        ])
        guard process.status == 0 else {
            throw CommandFailure("\(peerScript) ended with status \(process.status)", exit: .software)
        }
        let report = try JSONParser.parse(process.output)
        return PeerMeasurement(
            wallSeconds: process.wallSeconds, cpuSeconds: process.cpuSeconds,
            peakBytes: report["peakBytes"]?.integer ?? 0, version: report["torch"]?.string ?? "?")
    }

    private static var ownPath: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What PyTorch took, interpreter and model load included.
struct PeerMeasurement {
    let wallSeconds: Double
    let cpuSeconds: Double
    let peakBytes: Int64
    let version: String
}

/// What `cadenza separate` took, from its start to its end.
struct SeparationMeasurement {
    let process: MeasuredProcess
    /// What it printed.
    let report: JSON

    private var songSeconds: Double { report["durationSeconds"]?.double ?? 0 }
    private var peakBytes: Int64 { report["peakBytes"]?.integer ?? 0 }
    private var decoderPeakBytes: Int64 { report["decoderPeakBytes"]?.integer ?? 0 }
    private var realTimeFactor: Double { process.wallSeconds / songSeconds }

    private var stages: [(name: String, wall: Double, cpu: Double)] {
        (report["stages"]?.members ?? []).map {
            ($0.name, $0.value["wall"]?.double ?? 0, $0.value["cpu"]?.double ?? 0)
        }
    }

    /// The share of our own kernels in the processor time.
    private var kernelShare: Double {
        stages.filter { ["stft", "mask", "istft"].contains($0.name) }.reduce(0) { $0 + $1.cpu }
            / process.cpuSeconds
    }

    func json(kernels: KernelBench, peer: PeerMeasurement?) -> JSON {
        var members: [JSON.Member] = [
            .init("songSeconds", .number(songSeconds)), .init("realTimeFactor", .number(realTimeFactor)),
            .init("wallSeconds", .number(process.wallSeconds)), .init("cpuSeconds", .number(process.cpuSeconds)),
            .init("peakBytes", .integer(peakBytes)), .init("decoderPeakBytes", .integer(decoderPeakBytes)),
            .init("stages", report["stages"] ?? .null), .init("kernelShare", .number(kernelShare)),
            .init("kernelScalarToSIMD", .number(kernels.ratio)),
        ]
        if let peer {
            members.append(
                .init(
                    "peer",
                    [
                        "torch": .string(peer.version), "wallSeconds": .number(peer.wallSeconds),
                        "cpuSeconds": .number(peer.cpuSeconds), "peakBytes": .integer(peer.peakBytes),
                        "cpuRatio": .number(process.cpuSeconds / peer.cpuSeconds),
                    ]))
        }
        return .object(members)
    }

    func print(kernels: KernelBench, peer: PeerMeasurement?) {
        func line(_ name: String, _ value: String) {
            Swift.print(name + String(repeating: " ", count: max(1, 26 - name.count)) + value)
        }
        line("song", "\(decimal(songSeconds)) s")
        line("wall clock", "\(decimal(process.wallSeconds)) s, model load included")
        line("real-time factor", decimal(realTimeFactor, 4))
        line("processor time", "\(decimal(process.cpuSeconds)) s, decoder included")
        line("peak memory", "\(peakBytes >> 20) MiB, and the decoder's \(decoderPeakBytes >> 20) MiB")
        for stage in stages {
            line("  \(stage.name)", "\(decimal(stage.wall)) s wall, \(decimal(stage.cpu)) s processor")
        }
        line("our kernels' share", "\(decimal(100 * kernelShare, 1)) % of the processor time")
        line("plain C : SIMD", "\(decimal(kernels.ratio)) : 1")
        guard let peer else { return }
        line("PyTorch \(peer.version)", "\(decimal(peer.wallSeconds)) s wall, \(decimal(peer.cpuSeconds)) s processor")
        line("  peak memory", "\(peer.peakBytes >> 20) MiB")
        line("  ours : PyTorch", "\(decimal(process.cpuSeconds / peer.cpuSeconds)) : 1 in processor time")
    }
}

/// `value` with that many decimals.
private func decimal(_ value: Double, _ digits: Int = 2) -> String {
    guard value.isFinite else { return "\(value)" }
    let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
    let whole = Int64((value * scale).rounded())
    return "\(whole / Int64(scale)).\(padded(abs(whole % Int64(scale)), digits))"
}
