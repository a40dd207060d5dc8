/// Gathers the settings and every fault from the file, then the environment, then the machine.
struct SettingsLoader {
    static let secretBytesMax = 65536
    /// Variables that start as ours do and set no key.
    private static let otherVariables: Set<String> = ["CADENZA_CONFIG"]
    private static let testPrefix = "CADENZA_TEST_"

    let surroundings: Settings.Surroundings
    private(set) var settings = Settings()
    private(set) var errors: [ConfigError] = []
    /// Where each key was set last.
    private var places: [String: String] = [:]

    init(surroundings: Settings.Surroundings) { self.surroundings = surroundings }

    mutating func apply(_ file: ConfigFile) {
        errors += file.errors
        let keys = Dictionary(uniqueKeysWithValues: SettingKey.table.map { ($0.path, $0) })
        let sections = Set(SettingKey.table.map(\.section))
        for entry in file.entries {
            let place = file.place(entry.line)
            let path = "\(entry.section).\(entry.name)"
            if let key = keys[path] {
                set(key, to: entry.value, place: place)
            } else if let key = keys[String(path.dropLast(5))], key.isSecret, path.hasSuffix("_file") {
                set(key, toContentOf: entry.value, place: place)
            } else if sections.contains(entry.section) {
                errors.append(ConfigError(place, "there is no key \(path)"))
            } else {
                errors.append(ConfigError(place, "there is no section [\(entry.section)]"))
            }
        }
    }

    mutating func applyEnvironment() {
        var known = Self.otherVariables
        for key in SettingKey.table {
            let names = [key.variable] + key.aliases
            known.formUnion(names)
            let given = names.first { surroundings.environment[$0] != nil }
            if let given, let value = surroundings.environment[given] {
                places[key.path] = nil
                set(key, to: value, place: given)
            }
            guard key.isSecret else { continue }
            let fileVariable = key.variable + "_FILE"
            known.insert(fileVariable)
            if let file = surroundings.environment[fileVariable] {
                if given == nil { places[key.path] = nil }
                set(key, toContentOf: file, place: fileVariable)
            }
        }
        for name in surroundings.environment.keys.sorted()
        where name.hasPrefix("CADENZA_") && !name.hasPrefix(Self.testPrefix) && !known.contains(name) {
            errors.append(ConfigError(name, "there is no such key"))
        }
    }

    private mutating func set(_ key: SettingKey, to value: String, place: String) {
        if let other = places[key.path] {
            errors.append(ConfigError(place, "\(key.path) is already set at \(other)"))
            return
        }
        places[key.path] = place
        if let fault = key.apply(value, to: &settings) {
            errors.append(ConfigError(place, "\(key.path) \(fault)"))
        }
    }

    private mutating func set(_ key: SettingKey, toContentOf file: String, place: String) {
        switch TextFile.read(file, bytesMax: Self.secretBytesMax) {
        case .success(let text): set(key, to: text.withoutFinalNewline, place: place)
        case .failure(let fault): errors.append(ConfigError(place, "\(file): \(fault.message)"))
        }
    }

    mutating func resolve() {
        if settings.http.loops == 0 { settings.http.loops = surroundings.cores }
        if settings.workers.threads == 0 { settings.workers.threads = surroundings.cores }
        settings.data.directory = absolute(settings.data.directory, default: "cadenza", key: "data.directory")
        settings.models.directory =
            absolute(settings.models.directory, default: "cadenza/models", key: "models.directory")
        if !settings.http.staticDirectory.isEmpty, !settings.http.staticDirectory.hasPrefix("/") {
            settings.http.staticDirectory = "\(surroundings.workingDirectory)/\(settings.http.staticDirectory)"
        }
        if settings.database.url.isEmpty {
            settings.database.url = "sqlite:\(settings.data.directory)/cadenza.sqlite"
        }
    }

    private mutating func absolute(_ path: String, default name: String, key: String) -> String {
        if path.hasPrefix("/") { return path }
        if !path.isEmpty { return "\(surroundings.workingDirectory)/\(path)" }
        // The XDG Base Directory Specification has a relative XDG_DATA_HOME ignored.
        if let base = surroundings.environment["XDG_DATA_HOME"], base.hasPrefix("/") { return "\(base)/\(name)" }
        guard let home = surroundings.environment["HOME"], home.hasPrefix("/") else {
            errors.append(ConfigError(key, "must be set where neither XDG_DATA_HOME nor HOME is"))
            return ""
        }
        return "\(home)/.local/share/\(name)"
    }

    /// The rules between keys, and those that a range cannot say.
    mutating func check() {
        require(
            settings.workers.heartbeatSeconds * 2 <= settings.workers.leaseSeconds, "workers.heartbeat_seconds",
            "must be at most half of workers.lease_seconds")
        require(
            settings.limits.sampleRateMin <= settings.limits.sampleRateMax, "limits.sample_rate_min",
            "must not be above limits.sample_rate_max")
        require(
            settings.http.connectionsPerAddressMax <= settings.http.connectionsMax,
            "http.connections_per_address_max", "must not be above http.connections_max")
        require(
            settings.tls.certificates.count == settings.tls.keys.count, "tls.key",
            "must name as many files as tls.certificate")
        require(
            settings.database.url.hasPrefix("sqlite:/") || settings.database.url.isPostgresURL,
            "database.url", "must be \"sqlite:\" and the absolute path of a file, or \"postgres://…\"")
        for (url, name) in [
            (settings.database.serviceURL, "service_url"), (settings.database.ownerURL, "owner_url"),
            (settings.database.listenURL, "listen_url"),
        ] {
            require(
                url.isEmpty || url.isPostgresURL, "database.\(name)", "must be \"postgres://…\"")
            require(
                url.isEmpty || !settings.database.url.hasPrefix("sqlite:"), "database.\(name)",
                "is for Postgres, and database.url is a SQLite file")
        }
        require(
            settings.database.ownerURL.isEmpty || !settings.database.serviceURL.isEmpty, "database.service_url",
            "is missing: with an owner's login of its own the service has one too")
    }

    private mutating func require(_ condition: Bool, _ path: String, _ message: String) {
        if !condition { errors.append(ConfigError(places[path] ?? "the configuration", "\(path) \(message)")) }
    }
}

extension String {
    fileprivate var isPostgresURL: Bool { hasPrefix("postgres://") || hasPrefix("postgresql://") }

    fileprivate var withoutFinalNewline: String {
        guard let last, last.isNewline else { return self }
        return String(dropLast())
    }
}
