/// What input is accepted, and what its decoding may cost.
public struct MediaLimits: Sendable, Equatable {
    /// The largest input file.
    public var bytesMax: Int64 = 1_610_612_736
    /// The longest input; enforced on the header and again on the decoded frames.
    public var durationSecondsMax: Double = 7200
    public var channelsMax: Int = 8
    public var sampleRateMin: Int = 8000
    public var sampleRateMax: Int = 384_000
    /// The child's address space.
    public var workerMemoryBytesMax: Int64 = 1 << 30
    /// The child's processor time: a base, and a share of `durationSecondsMax`.
    public var workerCPUSecondsBase: Double = 30
    public var workerCPUSecondsPerAudioSecond: Double = 0.1
    /// The wall-clock time of a probe.
    public var probeDeadlineSeconds: Double = 30

    public init() {}

    var workerCPUSecondsMax: Int {
        Int((workerCPUSecondsBase + workerCPUSecondsPerAudioSecond * durationSecondsMax).rounded(.up))
    }
}

/// The form that decoded audio is wanted in; nil keeps the source's.
public struct MediaTarget: Sendable, Equatable {
    public var sampleRate: Int?
    public var channelCount: Int?

    public init(sampleRate: Int? = nil, channelCount: Int? = nil) {
        self.sampleRate = sampleRate
        self.channelCount = channelCount
    }
}
