extension SettingKey {
    /// Every key there is, by section, in the order of the documentation.
    public static let table: [SettingKey] = http + tls + storage + workers + limits + product

    private static let http = [
        SettingKey(
            "http", "address", .text(\.http.address),
            "The address to listen on. 0.0.0.0 opens the server to the network: give it a certificate."),
        SettingKey(
            "http", "port", .integer(\.http.port, 0...65535), "The port; 0 takes a free one.", aliases: ["PORT"]),
        SettingKey(
            "http", "loops", .integer(\.http.loops, 0...256), "Event loops; 0 is one for each core."),
        SettingKey(
            "http", "connections_max", .integer(\.http.connectionsMax, 1...1_000_000),
            "Open connections; above it new ones are refused."),
        SettingKey(
            "http", "connections_per_address_max", .integer(\.http.connectionsPerAddressMax, 1...1_000_000),
            "Open connections from one address."),
        SettingKey(
            "http", "header_seconds", .number(\.http.headerSeconds, 0.1...3600),
            "A request's head must arrive within this time."),
        SettingKey(
            "http", "idle_seconds", .number(\.http.idleSeconds, 0.1...86400),
            "A connection with no request is closed after this time."),
        SettingKey(
            "http", "body_idle_seconds", .number(\.http.bodyIdleSeconds, 0.1...3600),
            "A body that makes no progress for this time is given up."),
        SettingKey(
            "http", "body_bytes_per_second_min", .number(\.http.bodyBytesPerSecondMin, 1...1_000_000_000),
            "The least rate of a body while it is waited for; answered 408 below it."),
        SettingKey(
            "http", "write_stall_seconds", .number(\.http.writeStallSeconds, 0.1...3600),
            "A client that takes nothing of its answer for this time is cut off."),
        SettingKey(
            "http", "send_bytes_per_second_min", .number(\.http.sendBytesPerSecondMin, 1...1_000_000_000),
            "The least rate at which a client takes its answer; cut off below it."),
        SettingKey(
            "http", "rate_grace_seconds", .number(\.http.rateGraceSeconds, 0.1...3600),
            "By how much time a client may fall behind the least rates."),
        SettingKey(
            "http", "linger_seconds", .number(\.http.lingerSeconds, 0.1...600),
            "After its last answer a client may take this long to read it and close."),
        SettingKey(
            "http", "write_queue_bytes_max", .bytes(\.http.writeQueueBytesMax, 4096...64 << 20),
            "A streamed answer waits while more than this has not been taken by its client."),
        SettingKey(
            "http", "backlog", .integer(\.http.backlog, 1...65535),
            "Connections that the kernel holds for each loop until they are accepted."),
        SettingKey(
            "http", "drain_seconds", .number(\.http.drainSeconds, 0...3600),
            "After SIGTERM, requests under way may take this long to finish."),
        SettingKey(
            "http", "request_line_bytes_max", .bytes(\.http.requestLineBytesMax, 256...1 << 20),
            "A longer request line is answered 414."),
        SettingKey(
            "http", "header_bytes_max", .bytes(\.http.headerBytesMax, 1024...1 << 20),
            "Larger header fields are answered 431."),
        SettingKey(
            "http", "header_count_max", .integer(\.http.headerCountMax, 8...10_000),
            "More header fields are answered 431."),
        SettingKey(
            "http", "json_bytes_max", .bytes(\.http.jsonBytesMax, 1024...64 << 20),
            "A larger JSON body is answered 413."),
        SettingKey(
            "http", "answer_seconds", .number(\.http.answerSeconds, 0.1...3600),
            "A handler that takes longer is cancelled and answered 503; uploads and streams are exempt."),
        SettingKey(
            "http", "compress_bytes_min", .bytes(\.http.compressBytesMin, 256...1 << 30),
            "Answers of text or JSON from this size on are sent in gzip to clients that take it."),
        SettingKey(
            "http", "trusted_proxies", .list(\.http.trustedProxies, .range),
            "Proxies whose word for the client's address, scheme and host is taken; of others it is ignored."),
        SettingKey(
            "http", "forwarded_field", .choice(\.http.forwardedField, ["x-forwarded-for", "forwarded"]),
            "What the trusted proxies write. They must replace or drop what a client sent under these names."),
        SettingKey(
            "http", "cors_origins", .list(\.http.corsOrigins, .origin),
            "Pages of these origins may use the API from a browser, with credentials."),
        SettingKey(
            "http", "static_directory", .optionalText(\.http.staticDirectory),
            "A folder whose files are served over those of the built-in page.", defaultInWords: "none"),
        SettingKey(
            "http", "event_heartbeat_seconds", .number(\.http.eventHeartbeatSeconds, 0.1...3600),
            "Between two signs of life on event streams and WebSockets that follow jobs."),
        SettingKey(
            "http", "websocket_ping_seconds", .number(\.http.websocketPingSeconds, 0.1...3600),
            "Between two pings to the client of a WebSocket."),
        SettingKey(
            "http", "websocket_pong_seconds", .number(\.http.websocketPongSeconds, 0.1...3600),
            "A ping must be answered within this time."),
        SettingKey(
            "http", "websocket_close_seconds", .number(\.http.websocketCloseSeconds, 0.1...3600),
            "A Close must be answered within this time."),
        SettingKey(
            "http", "websockets_per_account_max", .integer(\.http.websocketsPerAccountMax, 1...10_000),
            "WebSockets with which one account follows its jobs at one time; more are answered 429."),
    ]

    private static let tls = [
        SettingKey(
            "tls", "certificate", .list(\.tls.certificates, .file),
            "Certificate chains in PEM, for HTTPS; of several a client gets the one for its server name, else the "
                + "first. SIGHUP has certificates and keys read anew, as happens every 12 hours."),
        SettingKey(
            "tls", "key", .list(\.tls.keys, .file), "The certificates' keys in PEM, in the same order."),
        SettingKey(
            "tls", "min_version", .choice(\.tls.minVersion, ["1.2", "1.3"]), "Clients of an older TLS are refused."),
        SettingKey(
            "tls", "handshake_seconds", .number(\.tls.handshakeSeconds, 0.1...3600),
            "A handshake must be done within this time."),
    ]

    private static let storage = [
        SettingKey(
            "data", "directory", .text(\.data.directory),
            "Where the database, uploads and results live; made if absent.",
            defaultInWords: "$XDG_DATA_HOME/cadenza, else ~/.local/share/cadenza", aliases: ["DATA_DIR"]),
        SettingKey(
            "database", "url", .text(\.database.url),
            "The database: \"sqlite:\" and the path of its file, or \"postgres://user:password@host/name\".",
            defaultInWords: "cadenza.sqlite in the data directory", isSecret: true),
        SettingKey(
            "database", "service_url", .optionalText(\.database.serviceURL),
            "Postgres: the login of the role cadenza_service, for workers; url's is then that of cadenza_app.",
            defaultInWords: "none: url's login does everything, with a warning", isSecret: true),
        SettingKey(
            "database", "owner_url", .optionalText(\.database.ownerURL),
            "Postgres: the login of the role cadenza_owner, for schema changes; a server need not have it.",
            defaultInWords: "none: with service_url the schema must be up to date", isSecret: true),
        SettingKey(
            "database", "listen_url", .optionalText(\.database.listenURL),
            "Postgres: where the server listens for the others, past a pooler that lends sessions by the transaction.",
            defaultInWords: "service_url's, else url's", isSecret: true),
        SettingKey(
            "database", "connections_max", .integer(\.database.connectionsMax, 1...1000),
            "Connections to Postgres that this server holds at most for each login, besides the one that listens."),
        SettingKey(
            "database", "wait_seconds", .number(\.database.waitSeconds, 0.01...3600),
            "How long a transaction waits for one of them; then its request is answered 503."),
        SettingKey(
            "database", "statement_seconds", .number(\.database.statementSeconds, 0...86400),
            "Postgres ends a statement after this time (statement_timeout); 0 never."),
        SettingKey(
            "database", "lock_seconds", .number(\.database.lockSeconds, 0...86400),
            "Postgres ends a wait for a lock after this time (lock_timeout); 0 never."),
        SettingKey(
            "database", "idle_seconds", .number(\.database.idleSeconds, 0...86400),
            "Postgres ends a transaction that does nothing for this time (idle_in_transaction_session_timeout)."),
        SettingKey(
            "models", "directory", .text(\.models.directory), "Where installed models and the ONNX Runtime live.",
            defaultInWords: "$XDG_DATA_HOME/cadenza/models, else ~/.local/share/cadenza/models",
            aliases: ["CADENZA_MODELS_DIR"]),
        SettingKey(
            "models", "memory_bytes_max", .bytes(\.models.memoryBytesMax, 64 << 20...1 << 40),
            "Weights kept in memory; beyond it the least recently used go."),
    ]

    private static let workers = [
        SettingKey(
            "workers", "slots", .integer(\.workers.slots, 0...64),
            "Jobs computed at the same time; 0 accepts jobs and runs none."),
        SettingKey(
            "workers", "jobs_per_account_max", .integer(\.workers.jobsPerAccountMax, 1...64),
            "Jobs of one account computed at the same time."),
        SettingKey(
            "workers", "threads", .integer(\.workers.threads, 0...256),
            "Threads of one job's computation; 0 is one for each core."),
        SettingKey(
            "workers", "lease_seconds", .number(\.workers.leaseSeconds, 1...3600),
            "A job whose worker is silent for this time is taken up by another."),
        SettingKey(
            "workers", "heartbeat_seconds", .number(\.workers.heartbeatSeconds, 0.1...1200),
            "How often a worker renews its lease; at most half of lease_seconds."),
        SettingKey(
            "workers", "poll_seconds", .number(\.workers.pollSeconds, 0.05...3600),
            "How often workers look for jobs when nothing wakes them."),
        SettingKey(
            "workers", "retries_max", .integer(\.workers.retriesMax, 0...100),
            "Further attempts after a failure that may pass."),
        SettingKey(
            "workers", "deaths_max", .integer(\.workers.deathsMax, 1...100),
            "A job that this many workers died on has failed."),
        SettingKey(
            "workers", "deadline_seconds_min", .number(\.workers.deadlineSecondsMin, 1...86400),
            "An attempt may take this long however short its input is."),
        SettingKey(
            "workers", "deadline_factor", .number(\.workers.deadlineFactor, 0.1...1000),
            "An attempt may take this many times its input's duration, where that is longer."),
    ]

    private static let limits = [
        SettingKey(
            "limits", "upload_bytes_max", .bytes(\.limits.uploadBytesMax, 1024...1 << 40),
            "A larger file is answered 413."),
        SettingKey(
            "limits", "uploads_per_account_max", .integer(\.limits.uploadsPerAccountMax, 1...10_000),
            "Uploads of one account under way at one time; more are answered 429."),
        SettingKey(
            "limits", "result_bytes_max", .bytes(\.limits.resultBytesMax, 1 << 20...1 << 44),
            "A job whose stems together would be larger is answered 422."),
        SettingKey(
            "limits", "disk_reserve_bytes", .bytes(\.limits.diskReserveBytes, 0...1 << 44),
            "What would leave less of the data directory's disk is answered 507."),
        SettingKey(
            "limits", "duration_seconds_max", .number(\.limits.durationSecondsMax, 1...86400),
            "Longer audio is refused."),
        SettingKey(
            "limits", "channels_max", .integer(\.limits.channelsMax, 1...64), "Audio with more channels is refused."),
        SettingKey(
            "limits", "sample_rate_min", .integer(\.limits.sampleRateMin, 1000...768_000),
            "In hertz; audio below it is refused."),
        SettingKey(
            "limits", "sample_rate_max", .integer(\.limits.sampleRateMax, 1000...768_000),
            "In hertz; audio above it is refused."),
        SettingKey(
            "limits", "result_days", .number(\.limits.resultDays, 0.01...3650),
            "The files of an ended job are removed after this time."),
        SettingKey(
            "limits", "orphan_seconds", .number(\.limits.orphanSeconds, 1...604_800),
            "A file that nothing refers to is removed once it is so old: longer than a submission may take."),
        SettingKey(
            "limits", "jobs_per_minute", .integer(\.limits.jobsPerMinute, 1...1_000_000),
            "Job submissions of one account."),
        SettingKey(
            "limits", "payments_per_minute", .integer(\.limits.paymentsPerMinute, 1...1_000_000),
            "Questions before a payment of one account in any minute; more are answered 429."),
        SettingKey(
            "limits", "requests_per_minute", .integer(\.limits.requestsPerMinute, 1...10_000_000),
            "Other requests of one account."),
        SettingKey(
            "limits", "anonymous_requests_per_minute",
            .integer(\.limits.anonymousRequestsPerMinute, 1...10_000_000),
            "Requests of one address without a credential; as many with a wrong one, counted apart."),
        SettingKey(
            "limits", "health_requests_per_minute", .integer(\.limits.healthRequestsPerMinute, 1...1_000_000_000),
            "Probes (/healthz, /readyz) from one address. An answer costs no more than its refusal would."),
        SettingKey(
            "limits", "static_requests_per_minute", .integer(\.limits.staticRequestsPerMinute, 1...1_000_000_000),
            "Files of the page, and browsers' preflights, from one address."),
    ]

    private static let product = [
        SettingKey(
            "credits", "trial", .integer(\.credits.trial, 0...1_000_000), "Credits that a new account starts with."),
        SettingKey(
            "credits", "separation_seconds_per_credit",
            .integer(\.credits.separationSecondsPerCredit, 1...86400),
            "A separation costs one credit for each started stretch of this length."),
        SettingKey(
            "logging", "level", .choice(\.logging.level, ["debug", "info", "warning", "error"]),
            "What is less severe is not logged."),
        SettingKey(
            "logging", "format", .choice(\.logging.format, ["text", "json"]), "One line an event, either way."),
    ]
}
