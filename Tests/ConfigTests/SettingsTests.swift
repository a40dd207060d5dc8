import Support
import Testing

@testable import Config

@Suite struct SettingsTests {
    private func load(_ text: String = "", _ environment: [String: String] = [:]) throws(ConfigErrors) -> Settings {
        let around = Settings.Surroundings(
            environment: environment.merging(["HOME": "/home/u"]) { given, _ in given }, cores: 6,
            workingDirectory: "/here")
        return try Settings.load(text: text, name: "c.conf", surroundings: around)
    }

    private func faults(_ text: String = "", _ environment: [String: String] = [:]) -> [String] {
        do throws(ConfigErrors) {
            _ = try load(text, environment)
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    @Test func `without file and environment the defaults hold and the machine fills the rest`() throws {
        let settings = try load()
        #expect(settings.http.address == "127.0.0.1")
        #expect(settings.http.port == 8080)
        #expect(settings.http.loops == 6)
        #expect(settings.workers.threads == 6)
        #expect(settings.data.directory == "/home/u/.local/share/cadenza")
        #expect(settings.models.directory == "/home/u/.local/share/cadenza/models")
        #expect(settings.database.url == "sqlite:/home/u/.local/share/cadenza/cadenza.sqlite")
        #expect(settings.limits.uploadBytesMax == 1_610_612_736)
    }

    @Test func `the environment goes before the file`() throws {
        let settings = try load("[http]\nloops = 2\nport = 1\n", ["CADENZA_HTTP_LOOPS": "3"])
        #expect(settings.http.loops == 3)
        #expect(settings.http.port == 1)
    }

    @Test func `PORT, DATA_DIR and CADENZA_MODELS_DIR are honoured, after the keys' own variables`() throws {
        let settings = try load("", ["PORT": "81", "DATA_DIR": "var", "CADENZA_MODELS_DIR": "/m"])
        #expect(settings.http.port == 81)
        #expect(settings.data.directory == "/here/var")
        #expect(settings.models.directory == "/m")
        #expect(settings.database.url == "sqlite:/here/var/cadenza.sqlite")
        #expect(try load("", ["PORT": "81", "CADENZA_HTTP_PORT": "82"]).http.port == 82)
    }

    @Test func `an absolute XDG_DATA_HOME is the base of the data, a relative one is ignored`() throws {
        #expect(try load("", ["XDG_DATA_HOME": "/xdg"]).data.directory == "/xdg/cadenza")
        #expect(try load("", ["XDG_DATA_HOME": "xdg"]).data.directory == "/home/u/.local/share/cadenza")
    }

    @Test func `without a home the directories must be named`() {
        let places = faults("", ["HOME": ""]).filter { $0.contains("must be set where") }
        #expect(places.count == 2)
    }

    @Test func `every fault is reported at once with its place`() {
        let text = "[http]\nport = 70000\nspeed = 1\n[htp]\nport = 1\n[logging]\nlevel = \"loud\"\nformat\n"
        let found = faults(text, ["CADENZA_HTTP_LOOPS": "many", "CADENZA_HTPT_LOOPS": "1"])
        #expect(
            found == [
                "c.conf:8: expected [section], key = value or a # comment",
                "c.conf:2: http.port is out of range: whole number, 0 to 65535",
                "c.conf:3: there is no key http.speed",
                "c.conf:5: there is no section [htp]",
                "c.conf:7: logging.level must be one of debug, info, warning, error, not \"loud\"",
                "CADENZA_HTTP_LOOPS: http.loops needs a whole number, not \"many\"",
                "CADENZA_HTPT_LOOPS: there is no such key",
            ])
    }

    @Test(arguments: [
        ("[workers]\nlease_seconds = 10\nheartbeat_seconds = 6\n", "workers.heartbeat_seconds", "c.conf:3"),
        ("[limits]\nsample_rate_min = 48000\nsample_rate_max = 44100\n", "limits.sample_rate_min", "c.conf:2"),
        ("[http]\nconnections_max = 10\n", "http.connections_per_address_max", "the configuration"),
        ("[tls]\ncertificate = \"a.pem, b.pem\"\nkey = \"a.key\"\n", "tls.key", "c.conf:3"),
        ("[tls]\ncertificate = \"a.pem\"\n", "tls.key", "the configuration"),
        ("[database]\nurl = \"mysql:/x\"\n", "database.url", "c.conf:2"),
    ])
    func `rules between keys are checked`(text: String, key: String, place: String) {
        let found = faults(text)
        #expect(found.count == 1)
        #expect(found.allSatisfy { $0.hasPrefix("\(place): \(key) ") }, "\(found)")
    }

    @Test func `a list is split at its commas, and its items are checked`() throws {
        let text = "[http]\ntrusted_proxies = \"10.0.0.0/8,  ::1\"\ncors_origins = \"https://a.example\"\n"
        let settings = try load(text)
        #expect(settings.http.trustedProxies == ["10.0.0.0/8", "::1"])
        #expect(settings.http.corsOrigins == ["https://a.example"])
        #expect(try load(settings.dump(redacted: false)) == settings)
        #expect(
            faults("[http]\ntrusted_proxies = \"10.0.0.0/33\"\ncors_origins = \"*\"\n") == [
                "c.conf:2: http.trusted_proxies needs addresses or ranges such as 10.0.0.0/8, not \"10.0.0.0/33\"",
                "c.conf:3: http.cors_origins needs origins such as https://app.example.com, not \"*\"",
            ])
    }

    @Test func `a folder is taken from the working directory`() throws {
        #expect(try load("[http]\nstatic_directory = \"www\"\n").http.staticDirectory.hasSuffix("/www"))
        #expect(try load("").http.staticDirectory.isEmpty)
    }

    @Test(arguments: ["1.5 GiB": 1_610_612_736, "1.5GiB": 1_610_612_736, "3 MiB": 3_145_728, "64 KiB": 65536])
    func `sizes may be written with a binary unit`(text: String, bytes: Int) throws {
        #expect(try load("[limits]\nupload_bytes_max = \"\(text)\"\n").limits.uploadBytesMax == bytes)
    }

    @Test(arguments: ["1 GB", "GiB", "-1 MiB", "0.3 KiB", "99999999999 GiB", "1e9", "1  MiB", ""])
    func `other sizes are refused`(text: String) {
        #expect(faults("[limits]\nupload_bytes_max = \"\(text)\"\n").count == 1)
    }

    @Test(arguments: SettingKey.table.map(\.path))
    func `each number's range holds at both ends`(path: String) throws {
        let key = try #require(SettingKey.table.first { $0.path == path })
        var settings = Settings()
        switch key.field {
        case .integer(let target, let range), .bytes(let target, let range):
            for value in [range.lowerBound, range.upperBound] {
                #expect(key.apply(String(value), to: &settings) == nil)
                #expect(settings[keyPath: target] == value)
            }
            #expect(key.apply(String(range.lowerBound - 1), to: &settings) != nil)
            #expect(key.apply(String(range.upperBound + 1), to: &settings) != nil)
            #expect(range.contains(Settings()[keyPath: target]))
        case .number(let target, let range):
            for value in [range.lowerBound, range.upperBound] {
                #expect(key.apply(decimal(value), to: &settings) == nil)
                #expect(settings[keyPath: target] == value)
            }
            #expect(key.apply(decimal(range.lowerBound - 0.001), to: &settings) != nil)
            #expect(key.apply(decimal(range.upperBound + 0.5), to: &settings) != nil)
            #expect(range.contains(Settings()[keyPath: target]))
        case .text: #expect(key.apply("", to: &settings) != nil)
        case .optionalText(let target):
            #expect(key.apply("", to: &settings) == nil)
            #expect(settings[keyPath: target].isEmpty)
        case .list(let target, _):
            #expect(key.apply("\u{1}", to: &settings) != nil)
            #expect(key.apply("", to: &settings) == nil)
            #expect(settings[keyPath: target].isEmpty)
        case .choice(let target, let names): #expect(names.contains(Settings()[keyPath: target]))
        }
    }

    @Test func `a list has its items between commas, an empty text has none`() throws {
        let settings = try load("[tls]\ncertificate = \" /etc/a b.pem ,c.pem\"\nkey = \"1,2\"\n")
        #expect(settings.tls.certificates == ["/etc/a b.pem", "c.pem"])
        #expect(try load(settings.dump(redacted: false)) == settings)
        #expect(try load("[tls]\ncertificate = \"\"\n").tls.certificates == [])
        #expect(faults("[tls]\ncertificate = \"a\u{1}b\"\nkey = \"k\"\n").count == 2)
    }

    @Test func `no two keys share a place, a variable or a target`() {
        let keys = SettingKey.table
        #expect(Set(keys.map(\.path)).count == keys.count)
        #expect(Set(keys.flatMap { [$0.variable] + $0.aliases }).count == keys.reduce(0) { $0 + 1 + $1.aliases.count })
        let targets = keys.map { key -> AnyHashable in
            switch key.field {
            case .integer(let target, _), .bytes(let target, _): AnyHashable(target as AnyKeyPath)
            case .number(let target, _): AnyHashable(target as AnyKeyPath)
            case .text(let target), .optionalText(let target), .choice(let target, _):
                AnyHashable(target as AnyKeyPath)
            case .list(let target, _): AnyHashable(target as AnyKeyPath)
            }
        }
        #expect(Set(targets).count == keys.count)
    }

    @Test func `a redacted dump hides what is secret and nothing else`() throws {
        let settings = try load("[database]\nurl = \"sqlite:/hidden-place\"\n")
        #expect(settings.dump(redacted: false).contains("url = \"sqlite:/hidden-place\""))
        let redacted = settings.dump(redacted: true)
        #expect(!redacted.contains("hidden-place"))
        #expect(redacted.contains("port = 8080\n"))
    }

    @Test func `a fault in a secret does not repeat it`() {
        #expect(!faults("[database]\nurl = \"postgres:pass-word\"\n").joined().contains("pass-word"))
    }

    @Test func `a dump loads back to the same settings`() throws {
        let settings = try load("[limits]\nupload_bytes_max = 1500\n[workers]\npoll_seconds = 0.25\n")
        #expect(try load(settings.dump(redacted: false)) == settings)
    }

    @Test func `a secret may come from a file, without its final newline`() throws {
        let file = try TemporaryFile("sqlite:/s.db\n")
        #expect(try load("[database]\nurl_file = \"\(file.path)\"\n").database.url == "sqlite:/s.db")
        #expect(try load("", ["CADENZA_DATABASE_URL_FILE": file.path]).database.url == "sqlite:/s.db")
        #expect(faults("[database]\nurl_file = \"\(file.path)\"\nurl = \"sqlite:/t.db\"\n").count == 1)
        #expect(
            faults("", ["CADENZA_DATABASE_URL_FILE": file.path, "CADENZA_DATABASE_URL": "sqlite:/t.db"]).count == 1)
    }

    @Test func `only a secret may come from a file`() {
        #expect(faults("[http]\nport_file = \"/dev/null\"\n") == ["c.conf:2: there is no key http.port_file"])
    }

    @Test func `the file is read from the path given, else from CADENZA_CONFIG`() throws {
        let file = try TemporaryFile("[http]\nport = 77\n")
        let around = Settings.Surroundings(
            environment: ["HOME": "/h", "CADENZA_CONFIG": file.path], cores: 1, workingDirectory: "/")
        #expect(try Settings.load(path: nil, surroundings: around).http.port == 77)
        #expect(throws: ConfigErrors.self) { try Settings.load(path: "/nowhere.conf", surroundings: around) }
    }

    @Test func `the surroundings of this process are readable`() {
        let around = Settings.Surroundings.current()
        #expect(around.cores >= 1)
        #expect(around.workingDirectory.hasPrefix("/"))
        #expect(around.environment["PATH"] != nil)
    }
}
