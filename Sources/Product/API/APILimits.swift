public import HTTP

/// The API's own limits; each is a key of the configuration.
public struct APILimits: Sendable {
    public var jsonBytesMax = 1 << 20
    /// A file with the form around it.
    public var uploadBytesMax = 1537 << 20
    /// Answers of text from this size on are compressed.
    public var compressBytesMin = 1024
    /// A handler of an ordinary route may take this long.
    public var answerSeconds = 30.0
    /// Submissions of an account in any minute.
    public var submissionsPerMinute = 60
    /// Questions before a payment, such as the paywall's, of an account in any minute.
    public var paymentsPerMinute = 10
    /// Other requests of an account in any minute.
    public var requestsPerMinute = 600
    /// Requests of an address without a credential in any minute; as many with a wrong one, counted apart.
    public var anonymousRequestsPerMinute = 60

    /// Probes of an address in any minute.
    public var healthRequestsPerMinute = 10_000_000
    /// Files of the page, and preflights, of an address in any minute.
    public var staticRequestsPerMinute = 60_000

    /// Of every WebSocket.
    public var sockets = WebSocketLimits()
    /// Milliseconds that a client of an event stream is to wait before it connects again.
    public var streamRetryMilliseconds = 3000
    /// A message of a client that follows its jobs.
    public var feedMessageBytesMax = 4096

    /// Of the WebSockets that follow an account's jobs.
    var feed: WebSocketLimits {
        var limits = sockets
        limits.messageBytesMax = feedMessageBytesMax
        limits.frameBytesMax = feedMessageBytesMax
        return limits
    }

    public init() {}
}
