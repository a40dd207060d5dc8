/// The limits of jobs; those that an operator may want to change are keys of the configuration.
public struct JobLimits: Sendable {
    /// 1.5 GiB.
    public var inputBytesMax: Int64 = 1_610_612_736
    public var inputNameBytesMax = 255
    /// Uploads of one account that may be under way at one time.
    public var uploadsPerAccountMax = 32
    /// Nothing is taken in that would leave less of the disk than this: the database needs room to settle jobs.
    public var diskReserveBytes: Int64 = 256 << 20
    /// The largest results of one job, all stems together.
    public var resultBytesMax: Int64 = 8 << 30
    public var optionsBytesMax = 16_384
    public var idempotencyKeyBytesMax = 255
    /// How long results are kept after a job has ended.
    public var resultDays: Double = 30
    public var pageSizeDefault = 20
    public var pageSizeMax = 100
    /// A blob that no row names is removed once it is this old.
    public var orphanGraceSeconds: Double = 3600
    /// One run of the sweeper ends after this time; the next one goes on.
    public var sweepSecondsMax: Double = 120
    /// An attempt may take this long however short its input is.
    public var deadlineSecondsMin: Double = 600
    /// An attempt may take this many times its input's duration, where that is longer.
    public var deadlineFactor: Double = 4

    public init() {}

    public func deadlineSeconds(inputSeconds: Double) -> Double {
        max(deadlineSecondsMin, deadlineFactor * inputSeconds)
    }
}
