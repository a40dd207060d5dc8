import Glibc
import HTTPServer
import Reactor
import Support
import Telemetry
import Testing

/// Certificates made for one test, in a folder of its own.
final class TLSFixtures: Sendable {
    let folder = TemporaryDirectory()

    /// A key and a certificate that it signed itself: the first name is the common name.
    /// - Parameter key: "ec", or "rsa:" and a number of bits.
    func identity(
        _ names: [String], isExpired: Bool = false, key: String = "ec"
    ) throws -> TLSConfiguration.Identity {
        let stem = names[0].replacing("*", with: "any") + "-\(key)"
        let identity = TLSConfiguration.Identity(
            certificate: folder.path(stem + ".pem"), key: folder.path(stem + ".key"))
        let algorithm = key.hasPrefix("rsa") ? [key] : ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        try Self.run(
            ["openssl", "req", "-x509", "-nodes", "-newkey"] + algorithm + [
                "-subj", "/CN=\(names[0])", "-addext",
                "subjectAltName=" + names.map { "DNS:\($0)" }.joined(separator: ","),
                "-keyout", identity.key, "-out", identity.certificate,
            ])
        if isExpired {
            try Self.run(
                [
                    "openssl", "x509", "-in", identity.certificate, "-signkey", identity.key, "-days", "-1", "-out",
                    identity.certificate,
                ])
        }
        return identity
    }

    static func run(_ words: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in Int32(0)...2 {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var child: pid_t = 0
        var status: Int32 = 0
        try #require(posix_spawnp(&child, words[0], &actions, nil, &arguments, environ) == 0)
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        try #require(status == 0, "\(words.joined(separator: " ")) failed")
    }
}

/// As `withServer`, with TLS.
func withTLSServer<Value>(
    _ context: TLSContext? = nil, configure: (inout ServerConfiguration) -> Void = { _ in },
    metrics: Metrics = Metrics(), respond: @escaping Server.Respond = echo, _ body: (UInt16) async throws -> Value
) async throws -> Value {
    let fixtures = TLSFixtures()
    let context = try context ?? TLSContext(TLSConfiguration([fixtures.identity(["localhost"])]))
    return try await withServer(
        configure: {
            $0.tls = context
            configure(&$0)
        }, metrics: metrics, respond: respond, body)
}
