import Core
import Glibc
import Kernels
import Media

/// A temporary folder that goes with all that is in it.
struct ScratchFolder {
    let path: String

    init() throws {
        let root = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(root)/cadenza-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure("\(root): \(errorText(errno))", exit: .cannotCreate)
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                // SAFETY: d_name is a C string inside the entry, copied before the next readdir.
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != "." && name != ".." { remove("\(path)/\(name)") }
            }
            closedir(folder)
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// A seeded song: chords over noise, as long as wanted, in constant memory.
enum BenchSong {
    static func make(in folder: String, minutes: Double) throws -> String {
        let path = folder + "/song.mp3"
        let rate = 44_100
        let encoder = try AudioEncoder(path: path, format: .mp3, sampleRate: rate, channelCount: 2)
        var noise: UInt64 = 1
        var left = Int(minutes * 60 * Double(rate))
        var block = AudioBlock(channelCount: 2, frameCount: rate)
        // A second of music over and over is as much work as music that changes.
        for frame in 0..<rate {
            for channel in 0..<2 {
                noise = noise &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let time = Double(frame) / Double(rate)
                let chord = [220.0, 277, 330, 440].reduce(0) {
                    $0 + sin(2 * .pi * ($1 + Double(channel)) * time)
                }
                let hiss = Double(Int64(bitPattern: noise) >> 40) / 8_388_608
                block.samples[channel * rate + frame] = Float(0.1 * chord + 0.05 * hiss)
            }
        }
        while left > 0 {
            let count = min(left, rate)
            try block.withPlanes { (planes) throws(MediaError) in
                try encoder.write(planes.map { UnsafeBufferPointer(rebasing: $0[..<count]) }, frameCount: count)
            }
            left -= count
        }
        _ = try encoder.finish()
        return path
    }
}

/// Our kernels' time on one segment of one channel: analysis, two masks, synthesis.
struct KernelBench {
    private static let frames = 512
    private static let rounds = 5

    let scalarSeconds: Double
    let bestSeconds: Double

    var ratio: Double { scalarSeconds / bestSeconds }

    static func measure() throws -> KernelBench {
        KernelBench(scalarSeconds: try seconds(.scalar), bestSeconds: try seconds(.automatic))
    }

    /// The fastest of a few rounds, in processor time of this thread.
    private static func seconds(_ instructions: InstructionSet) throws -> Double {
        var stft = try STFT(size: 4096, hop: 1024, instructions: instructions)
        var mask = try RatioMask(sources: 2, knownBins: 1024, bins: 2049, instructions: instructions)
        var inverse = try InverseSTFT(size: 4096, hop: 1024, instructions: instructions)
        let signal = FloatBuffer(count: frames * 1024 + 3072)
        for index in signal.elements.indices { signal.elements[index] = Float(sin(0.05 * Double(index))) }
        let magnitudes = FloatBuffer(count: frames * 1024)
        let output = FloatBuffer(count: frames * 1024)
        var mixture = Spectrum(planes: 1, frames: frames, bins: 2049)
        var stems = Spectrum(planes: 2, frames: frames, bins: 2049)
        var best = Double.infinity
        for _ in 0..<rounds {
            let start = threadSeconds()
            stft.process(signal.values, frames: frames, into: &mixture)
            mixture.magnitudes(frames: 0..<frames, bins: 1024, into: magnitudes.elements, instructions: instructions)
            mask.apply(
                estimates: [magnitudes.values, magnitudes.values], frames: 0..<frames, mixture: mixture,
                into: &stems)
            for plane in 0..<2 {
                inverse.process(stems, plane: plane, frames: 0..<frames, into: output.elements)
            }
            best = min(best, threadSeconds() - start)
        }
        return best
    }

    private static func threadSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
