import API
import Config
import Core
import HTTP
import HTTPServer
import JobQueue
import Media
import Postgres
import Reactor
import Studio

/// What each room takes from the settings.
extension Settings {
    var jobLimits: JobLimits {
        var values = JobLimits()
        values.inputBytesMax = Int64(limits.uploadBytesMax)
        values.uploadsPerAccountMax = limits.uploadsPerAccountMax
        values.resultBytesMax = Int64(limits.resultBytesMax)
        values.diskReserveBytes = Int64(limits.diskReserveBytes)
        values.resultDays = limits.resultDays
        values.orphanGraceSeconds = limits.orphanSeconds
        values.deadlineSecondsMin = workers.deadlineSecondsMin
        values.deadlineFactor = workers.deadlineFactor
        return values
    }

    var postgresLimits: PostgresLimits {
        var values = PostgresLimits()
        values.connectionsMax = database.connectionsMax
        values.waitSeconds = database.waitSeconds
        values.statementSeconds = database.statementSeconds
        values.lockSeconds = database.lockSeconds
        values.idleInTransactionSeconds = database.idleSeconds
        return values
    }

    var apiLimits: APILimits {
        var values = APILimits()
        values.jsonBytesMax = http.jsonBytesMax
        values.submissionsPerMinute = limits.jobsPerMinute
        values.paymentsPerMinute = limits.paymentsPerMinute
        values.requestsPerMinute = limits.requestsPerMinute
        values.anonymousRequestsPerMinute = limits.anonymousRequestsPerMinute
        values.sockets.pingSeconds = http.websocketPingSeconds
        values.sockets.pongSeconds = http.websocketPongSeconds
        values.sockets.closeSeconds = http.websocketCloseSeconds
        values.healthRequestsPerMinute = limits.healthRequestsPerMinute
        values.staticRequestsPerMinute = limits.staticRequestsPerMinute
        values.uploadBytesMax = limits.uploadBytesMax + Self.formOverheadBytesMax
        values.answerSeconds = http.answerSeconds
        values.compressBytesMin = http.compressBytesMin
        return values
    }

    /// Those who may come through proxies or from other origins; the check of the settings has seen that each reads.
    var pipelineOptions: PipelineOptions {
        var values = PipelineOptions()
        values.proxies = trustedProxies
        values.origins = OriginPolicy(http.corsOrigins.compactMap { WebOrigin($0) })
        return values
    }

    private var trustedProxies: TrustedProxies {
        TrustedProxies(
            http.trustedProxies.compactMap { IPRange($0) },
            field: http.forwardedField == "forwarded" ? .forwarded : .xForwarded)
    }

    var mediaLimits: MediaLimits {
        var values = MediaLimits()
        values.bytesMax = Int64(limits.uploadBytesMax)
        values.durationSecondsMax = limits.durationSecondsMax
        values.channelsMax = limits.channelsMax
        values.sampleRateMin = limits.sampleRateMin
        values.sampleRateMax = limits.sampleRateMax
        return values
    }

    var queueLimits: QueueLimits {
        var values = QueueLimits()
        values.leaseSeconds = workers.leaseSeconds
        values.retriesMax = workers.retriesMax
        values.deathsMax = workers.deathsMax
        values.runningPerKeyMax = workers.jobsPerAccountMax
        return values
    }

    var executorLimits: ExecutorLimits {
        var values = ExecutorLimits()
        values.slots = workers.slots
        values.pollSeconds = workers.pollSeconds
        values.heartbeatSeconds = workers.heartbeatSeconds
        return values
    }

    /// Reads the certificates; `nil` without any.
    /// - Throws: `TLSError`.
    func tlsContext() throws(TLSError) -> TLSContext? {
        guard !tls.certificates.isEmpty else { return nil }
        var values = TLSConfiguration(zip(tls.certificates, tls.keys).map { .init(certificate: $0, key: $1) })
        values.lowestVersion = TLSConfiguration.Version(rawValue: tls.minVersion) ?? .tls12
        return try TLSContext(values)
    }

    /// - Parameter problem: the API's shape of what the server itself refuses.
    func serverConfiguration(
        tls context: TLSContext?, problem: @escaping ServerConfiguration.Refusing
    ) -> ServerConfiguration {
        var values = ServerConfiguration(problem: problem)
        values.tls = context
        values.proxies = trustedProxies
        values.standingFields = Pipeline.standingFields
        values.host = http.address
        values.port = UInt16(http.port)
        values.loops = http.loops
        values.limits.connectionsMax = http.connectionsMax
        values.limits.connectionsPerAddressMax = http.connectionsPerAddressMax
        values.limits.handshakeSeconds = tls.handshakeSeconds
        values.limits.headerSeconds = http.headerSeconds
        values.limits.idleKeepAliveSeconds = http.idleSeconds
        values.limits.bodyIdleSeconds = http.bodyIdleSeconds
        values.limits.bodyBytesPerSecondMin = http.bodyBytesPerSecondMin
        values.limits.bodyRateGraceSeconds = http.rateGraceSeconds
        values.limits.writeStallSeconds = http.writeStallSeconds
        values.limits.sendBytesPerSecondMin = http.sendBytesPerSecondMin
        values.limits.sendRateGraceSeconds = http.rateGraceSeconds
        values.limits.lingerSeconds = http.lingerSeconds
        values.limits.writeQueueBytesMax = http.writeQueueBytesMax
        values.listener.backlog = Int32(http.backlog)
        values.limits.drainSeconds = http.drainSeconds
        values.messages.requestLineBytesMax = http.requestLineBytesMax
        values.messages.headerBytesMax = http.headerBytesMax
        values.messages.headerFieldsMax = http.headerCountMax
        values.messages.bodyBytesMax = limits.uploadBytesMax + Self.formOverheadBytesMax
        return values
    }

    /// Room for the other parts and the boundaries of a form beside its file.
    private static let formOverheadBytesMax = 1 << 20
}
