import Hummingbird
import Logging
import NIOPosix
import ServiceLifecycle

/// The answer of `GET /healthz`.
struct Health: ResponseEncodable {
    let status: String
}

/// Hummingbird 2 as its documentation shows it, on one event loop: a router, without middleware.
let port = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 0
var logger = Logger(label: "peer")
logger.logLevel = .info

let router = Router()
router.get("healthz") { _, _ in Health(status: "ok") }

let application = Application(
    router: router,
    configuration: .init(address: .hostname("127.0.0.1", port: port)),
    eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup(numberOfThreads: 1)),
    logger: logger)
try await application.runService()
