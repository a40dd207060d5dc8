/// The limits of jobs; each is a key of the configuration.
public struct JobLimits: Sendable {
    /// 1.5 GiB.
    public var inputBytesMax: Int64 = 1_610_612_736
    public var inputNameBytesMax = 255
    public var optionsBytesMax = 16_384
    public var idempotencyKeyBytesMax = 255
    /// How long results are kept after a job has ended.
    public var resultDays: Double = 30
    /// Failed attempts after the first before a job is given up.
    public var retriesMax = 2
    public var pageSizeDefault = 20
    public var pageSizeMax = 100
    /// A blob that no row names is removed once it is this old.
    public var orphanGraceSeconds: Double = 3600
    /// Deadline of an attempt: a base plus a factor of the input's length.
    public var deadlineBaseSeconds: Double = 120
    public var deadlinePerInputSecond: Double = 4

    public init() {}

    public func deadlineSeconds(inputSeconds: Double) -> Double {
        deadlineBaseSeconds + deadlinePerInputSecond * inputSeconds
    }
}
