/// What the parent asks of the child, carried by the child's arguments as `mode key=value …`.
struct MediaWorkerRequest: Equatable, Sendable {
    enum Mode: String, Sendable {
        case probe, decode
        /// Tries what the sandbox must refuse, and reports each attempt: for the tests and an operator's doubt.
        case selftest
    }

    var mode: Mode
    /// The input's size: the child may not ask for it, its descriptor's offset being shared.
    var byteCount: Int64
    var target = MediaTarget()
    var limits = MediaLimits()

    init(mode: Mode, byteCount: Int64, target: MediaTarget, limits: MediaLimits) {
        self.mode = mode
        self.byteCount = byteCount
        self.target = target
        self.limits = limits
    }

    var arguments: [String] {
        [
            mode.rawValue, "bytes=\(byteCount)", "rate=\(target.sampleRate ?? 0)",
            "channels=\(target.channelCount ?? 0)", "duration-max=\(limits.durationSecondsMax)",
            "channels-max=\(limits.channelsMax)", "rate-min=\(limits.sampleRateMin)",
            "rate-max=\(limits.sampleRateMax)", "memory-max=\(limits.workerMemoryBytesMax)",
            "cpu-base=\(limits.workerCPUSecondsBase)", "cpu-share=\(limits.workerCPUSecondsPerAudioSecond)",
        ]
    }

    /// nil when a word is unknown or out of range.
    init?(arguments: [String]) {
        guard let first = arguments.first, let mode = Mode(rawValue: first) else { return nil }
        self.init(mode: mode, byteCount: 0, target: MediaTarget(), limits: MediaLimits())
        for argument in arguments.dropFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, accept(String(parts[0]), String(parts[1])) else { return nil }
        }
    }

    private mutating func accept(_ key: String, _ text: String) -> Bool {
        guard let value = Double(text), value >= 0, value < 1e15 else { return false }
        let whole = Int(value)
        switch key {
        case "bytes": byteCount = Int64(value)
        case "rate": target.sampleRate = whole == 0 ? nil : whole
        case "channels": target.channelCount = whole == 0 ? nil : whole
        case "duration-max": limits.durationSecondsMax = value
        case "channels-max": limits.channelsMax = whole
        case "rate-min": limits.sampleRateMin = whole
        case "rate-max": limits.sampleRateMax = whole
        case "memory-max": limits.workerMemoryBytesMax = Int64(value)
        case "cpu-base": limits.workerCPUSecondsBase = value
        case "cpu-share": limits.workerCPUSecondsPerAudioSecond = value
        default: return false
        }
        return true
    }
}
