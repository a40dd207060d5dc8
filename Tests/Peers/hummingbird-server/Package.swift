// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "hummingbird-server",
    platforms: [.macOS(.v14)],
    dependencies: [.package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.0.0")],
    targets: [
        .executableTarget(
            name: "hummingbird-server", dependencies: [.product(name: "Hummingbird", package: "hummingbird")],
            path: "Sources/Peer")
    ]
)
