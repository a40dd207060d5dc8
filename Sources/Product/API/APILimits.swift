/// The API's own limits; each is a key of the configuration.
public struct APILimits: Sendable {
    public var jsonBytesMax = 1 << 20
    /// Submissions of an account in any minute.
    public var submissionsPerMinute = 60
    /// Questions before a payment, such as the paywall's, of an account in any minute.
    public var paymentsPerMinute = 10
    /// Other requests of an account in any minute.
    public var requestsPerMinute = 600
    /// Requests of an address without a valid credential in any minute.
    public var anonymousRequestsPerMinute = 60

    public init() {}
}
