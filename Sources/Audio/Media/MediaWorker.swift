internal import CLibAV
internal import CLinux
internal import Glibc

/// The child's side: `cadenza media-worker …`, started by `MediaDecoder` with the input as descriptor 0 and the
/// pipe as descriptor 1.
///
/// It confines itself before it reads the first byte. It frees little: the process ends with its one file.
public enum MediaWorker {
    /// The child's main; `arguments` are those after `media-worker`. Returns the exit status.
    public static func run(arguments: [String]) -> Int32 {
        guard let request = MediaWorkerRequest(arguments: arguments) else { return 64 }
        av_log_set_level(AV_LOG_QUIET)
        let confined = cadenza_worker_confine(
            request.limits.workerMemoryBytesMax, Int64(request.limits.workerCPUSecondsMax))
        let output = RecordOutput(descriptor: STDOUT_FILENO)
        do throws(MediaError) {
            guard confined == 0 else {
                throw MediaError(
                    .internalError, "The media worker could not be confined",
                    cause: String(cString: strerror(confined)))
            }
            switch request.mode {
            case .selftest: try output.send(MediaWorkerSelfTest.run())
            case .probe: try probe(request, output)
            case .decode: try decode(request, output)
            }
            return 0
        } catch {
            // A parent that has gone away needs no answer.
            try? output.send(MediaRecord.failure(error).encoded())
            return 1
        }
    }

    private static func probe(_ request: MediaWorkerRequest, _ output: RecordOutput) throws(MediaError) {
        let input = try MediaInput(descriptor: STDIN_FILENO, request: request)
        var opening = input.opening(target: request.target)
        if let seconds = PacketScan.seconds(of: input) {
            try input.take(seconds: seconds, limits: request.limits, into: &opening.probe)
        }
        try output.send(MediaRecord.opening(opening).encoded())
    }

    private static func decode(_ request: MediaWorkerRequest, _ output: RecordOutput) throws(MediaError) {
        let input = try MediaInput(descriptor: STDIN_FILENO, request: request)
        let opening = input.opening(target: request.target)
        try output.send(MediaRecord.opening(opening).encoded())
        let run = try DecodingRun(input: input, opening: opening, limits: request.limits, output: output)
        try output.send(MediaRecord.trailer(try run.toEnd()).encoded())
    }
}

/// The pipe to the parent.
struct RecordOutput {
    let descriptor: Int32

    func send(_ bytes: [UInt8]) throws(MediaError) {
        let outcome: Result<Void, MediaError> = bytes.withUnsafeBytes { all in
            Result { () throws(MediaError) in try send(all) }
        }
        try outcome.get()
    }

    func send(_ bytes: UnsafeRawBufferPointer) throws(MediaError) {
        var sent = 0
        while sent < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
            let count = write(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                sent += count
            } else if errno != EINTR {
                throw MediaError(.internalError, "The pipe is closed", cause: String(cString: strerror(errno)))
            }
        }
    }
}
