/// Everything an operator can set, with its defaults. `SettingKey.table` gives each its name in the file.
public struct Settings: Hashable, Sendable {
    public var http = HTTP()
    public var tls = TLS()
    public var data = Data()
    public var database = Database()
    public var models = Models()
    public var workers = Workers()
    public var limits = Limits()
    public var credits = Credits()
    public var logging = Logging()

    /// The documented defaults, machine-dependent ones unresolved; `load` resolves them.
    public init() {}

    public struct HTTP: Hashable, Sendable {
        public var address = "127.0.0.1"
        public var port = 8080
        /// Event loops; `load` replaces 0 by the number of cores.
        public var loops = 0
        public var connectionsMax = 4096
        public var connectionsPerAddressMax = 1024
        public var headerSeconds = 10.0
        public var idleSeconds = 75.0
        public var bodyIdleSeconds = 30.0
        public var bodyBytesPerSecondMin = 512.0
        public var writeStallSeconds = 30.0
        public var sendBytesPerSecondMin = 512.0
        public var rateGraceSeconds = 20.0
        public var lingerSeconds = 5.0
        public var writeQueueBytesMax = 256 << 10
        public var backlog = 1024
        public var drainSeconds = 30.0
        public var requestLineBytesMax = 8192
        public var headerBytesMax = 32768
        public var headerCountMax = 100
        public var jsonBytesMax = 64 << 10
        public var answerSeconds = 30.0
        public var compressBytesMin = 1024
        /// Addresses and ranges, as `IPRange` reads them.
        public var trustedProxies: [String] = []
        public var forwardedField = "x-forwarded-for"
        /// As `WebOrigin` reads them.
        public var corsOrigins: [String] = []
        /// Absolute once loaded; empty for none.
        public var staticDirectory = ""
        public var eventHeartbeatSeconds = 15.0
        public var websocketPingSeconds = 30.0
        public var websocketPongSeconds = 20.0
        public var websocketCloseSeconds = 5.0
        public var websocketsPerAccountMax = 16
    }

    public struct TLS: Hashable, Sendable {
        /// PEM files; none for plain HTTP.
        public var certificates: [String] = []
        /// PEM files, one for each certificate.
        public var keys: [String] = []
        public var minVersion = "1.2"
        public var handshakeSeconds = 10.0
    }

    public struct Data: Hashable, Sendable {
        /// Absolute once loaded.
        public var directory = ""
    }

    public struct Database: Hashable, Sendable {
        /// `sqlite:` and the path of the file, or `postgres://…`.
        public var url = ""
        /// Empty: `url`'s login does everything.
        public var serviceURL = ""
        /// Empty: `url`'s login migrates too, unless there is a service's.
        public var ownerURL = ""
        /// Empty: the service's, or `url`.
        public var listenURL = ""
        public var connectionsMax = 16
        public var waitSeconds = 5.0
        public var statementSeconds = 30.0
        public var lockSeconds = 10.0
        public var idleSeconds = 15.0
    }

    public struct Models: Hashable, Sendable {
        /// Absolute once loaded.
        public var directory = ""
        public var memoryBytesMax = 512 << 20
    }

    public struct Workers: Hashable, Sendable {
        public var slots = 1
        /// Of one account at once, so that it leaves slots to the others.
        public var jobsPerAccountMax = 2
        /// Threads of one engine run; `load` replaces 0 by the number of cores.
        public var threads = 0
        public var leaseSeconds = 30.0
        public var heartbeatSeconds = 10.0
        public var pollSeconds = 2.0
        public var retriesMax = 2
        public var deathsMax = 5
        /// An attempt may take this long however short its input is.
        public var deadlineSecondsMin = 600.0
        /// An attempt may take this many times its input's duration, where that is longer.
        public var deadlineFactor = 4.0
    }

    public struct Limits: Hashable, Sendable {
        public var uploadBytesMax = 1536 << 20
        public var uploadsPerAccountMax = 32
        public var resultBytesMax = 8 << 30
        public var diskReserveBytes = 256 << 20
        public var durationSecondsMax = 7200.0
        public var channelsMax = 8
        public var sampleRateMin = 8000
        public var sampleRateMax = 384_000
        public var resultDays = 30.0
        public var orphanSeconds = 3600.0
        public var jobsPerMinute = 60
        public var paymentsPerMinute = 10
        public var requestsPerMinute = 600
        public var anonymousRequestsPerMinute = 60
        public var healthRequestsPerMinute = 10_000_000
        public var staticRequestsPerMinute = 60_000
    }

    public struct Credits: Hashable, Sendable {
        public var trial = 3
        /// Each started stretch of this length costs one credit.
        public var separationSecondsPerCredit = 600
    }

    public struct Logging: Hashable, Sendable {
        public var level = "info"
        public var format = "text"
    }
}
