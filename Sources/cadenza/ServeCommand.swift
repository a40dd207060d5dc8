import Accounts
import ArgumentParser
import CLinux
import Config
import Core
import Glibc
import Telemetry

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the server: the HTTP API and the workers.")

    @OptionGroup var settings: SettingsOption

    @Flag(help: "Open a demo account with the trial's credits and print how to use it.")
    var demo = false

    @Flag(help: "Add the routes that only developers and conformance suites need, such as /ws/echo.")
    var development = false

    func run() async throws {
        let settings = try settings.load()
        let termination = try SignalQueue.termination()
        cadenza_raise_descriptor_limit()
        await openRuntimeDescriptors()
        try Store.makeDirectory(settings.data.directory)
        let lock = try DirectoryLock(
            directory: settings.data.directory, isShared: !DatabaseEngine.isSQLite(settings))
        let log = Logger(
            level: LogLevel(name: settings.logging.level) ?? .info,
            format: settings.logging.format == "json" ? .json : .readable)
        let host = try ServerHost(settings, log: log)
        let store = try await Store.open(settings, isNew: true, server: host)
        let application = try Application(store: store, host: host, isDevelopment: development)
        let key = demo ? try await DemoAccount(store: store).key() : nil
        let port = try await application.start()
        let renewal = settings.tls.certificates.isEmpty ? nil : try renewCertificates(of: application)
        announce(settings, port: port, key: key)

        await termination.wait()
        log.info("shutting down; a second signal ends at once")
        let impatience = Task {
            await termination.wait()
            _exit(1)
        }
        await application.stop()
        impatience.cancel()
        renewal?.cancel()
        withExtendedLifetime(lock) {}
    }

    /// Session tickets are sealed by keys that should not live long (RFC 5077 §5.5).
    private static let renewalSeconds: Double = 12 * 3600

    /// At SIGHUP, and every so often unasked.
    private func renewCertificates(of application: Application) throws -> Task<Void, Never> {
        let hangup = try SignalQueue.hangup()
        return Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !Task.isCancelled {
                        await hangup.wait()
                        application.reloadCertificates()
                    }
                }
                group.addTask {
                    while (try? await Task.sleep(for: .seconds(Self.renewalSeconds))) != nil {
                        application.reloadCertificates()
                    }
                }
            }
        }
    }

    private func announce(_ settings: Settings, port: UInt16, key: String?) {
        let host = settings.http.address.contains(":") ? "[\(settings.http.address)]" : settings.http.address
        let url = "\(settings.tls.certificates.isEmpty ? "http" : "https")://\(host):\(port)"
        print("URL: \(url)")
        print("Data: \(settings.data.directory)")
        if let key {
            print("API key: \(key)")
            print("Separate a song:")
            print(
                "  curl -H 'Authorization: Bearer \(key)' -F service=separation -F file=@song.mp3 \(url)/api/v1/jobs")
            print("Follow it, then fetch the stems (take the id from the answer):")
            print("  curl -N -H 'Authorization: Bearer \(key)' \(url)/api/v1/jobs/JOB_ID/events")
            print("  curl -OJ -H 'Authorization: Bearer \(key)' \(url)/api/v1/jobs/JOB_ID/download")
        }
        // nil flushes every stream; `stdout` itself is a mutable global that Swift 6 does not let us name.
        fflush(nil)
    }
}

/// An account to try the server with; its key is kept beside the data, so that every start prints the same one.
private struct DemoAccount {
    static let email = "demo@localhost"
    let store: Store

    func key() async throws -> String {
        let account = try await store.openAccount(email: Self.email)
        let path = store.settings.data.directory + "/demo-api-key"
        if let kept = read(path), try await store.accounts.authenticate(token: kept)?.accountID == account {
            return kept
        }
        let token = try await store.accounts.createKey(for: account, name: "demo").token
        try write(token, to: path)
        return token
    }

    private func read(_ path: String) -> String? {
        guard let file = try? OpenFile(path: path), let bytes = try? file.read(at: 0, count: 256) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func write(_ token: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandFailure("\(path): errno \(errno)", exit: .cannotCreate) }
        defer { close(descriptor) }
        let bytes = Array(token.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw CommandFailure("\(path): errno \(errno)", exit: .cannotCreate)
        }
    }
}
