// swift-tools-version: 6.2
import PackageDescription

// One place for the flags that every Swift target shares: docs/architecture.md says why each is there.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .unsafeFlags(
        ["-enforce-exclusivity=unchecked", "-cross-module-optimization"], .when(configuration: .release)),
]

let strictC: [CSetting] = [
    .unsafeFlags(["-O3", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fno-math-errno", "-fvisibility=hidden"])
]

func room(
    _ wing: String, _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [],
    resources: [Resource]? = nil
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/\(wing)/\(name)", exclude: exclude,
        resources: resources, swiftSettings: house)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: [], swiftSettings: house)
}

let system: [Target] = [
    .target(name: "CLinux", path: "Sources/System/CLinux", cSettings: strictC),
    .systemLibrary(name: "CSQLite", path: "Sources/System/CSQLite", pkgConfig: "sqlite3"),
    .systemLibrary(name: "COpenSSL", path: "Sources/System/COpenSSL", pkgConfig: "openssl"),
    .systemLibrary(name: "CPostgres", path: "Sources/System/CPostgres", pkgConfig: "libpq"),
    .systemLibrary(name: "CZlib", path: "Sources/System/CZlib", pkgConfig: "zlib"),
    .systemLibrary(name: "CLibAV", path: "Sources/System/CLibAV", pkgConfig: "libavformat"),
]

let base: [Target] = [
    room("Base", "Core", ["CLinux"]),
    room("Base", "Config", ["Core"]),
    room("Base", "Telemetry", ["Core"]),
    room("Base", "Secrets", ["Core", "COpenSSL"]),
]

let network: [Target] = [
    room("Network", "HTTP", ["Core", "CZlib"]),
    room("Network", "Reactor", ["Core", "CLinux", "COpenSSL"]),
    room("Network", "HTTPServer", ["Core", "HTTP", "Reactor", "Telemetry"]),
]

let storage: [Target] = [
    room("Storage", "Database", ["Core", "Secrets"]),
    room("Storage", "SQLite", ["Core", "Database", "CSQLite"], resources: [.embedInCode("migrations")]),
    room(
        "Storage", "Postgres", ["Core", "Database", "Reactor", "CPostgres"], resources: [.embedInCode("migrations")]),
    room("Storage", "JobQueue", ["Core", "Database"]),
    room("Storage", "Ledger", ["Core", "Database"]),
    room("Storage", "Blobs", ["Core", "Secrets"]),
]

let audio: [Target] = [
    .target(
        name: "CKernels", path: "Sources/Audio/CKernels", cSettings: strictC,
        linkerSettings: [.linkedLibrary("m"), .linkedLibrary("dl"), .linkedLibrary("pthread")]),
    room("Audio", "Kernels", ["Core", "CKernels"]),
    room("Audio", "Media", ["Core", "CLibAV", "CLinux"]),
    room("Audio", "Models", ["Core", "Secrets", "CZlib"], resources: [.embedInCode("models.json")]),
    room("Audio", "Engines", ["Core", "Media", "Kernels", "Models", "CLinux"]),
]

let product: [Target] = [
    room("Product", "Accounts", ["Core", "Secrets", "Database"]),
    room("Product", "Studio", ["Core", "Blobs", "Database", "JobQueue", "Ledger", "Secrets"]),
    room("Product", "API", ["Core", "HTTP", "Telemetry", "Secrets", "Accounts", "Ledger", "Studio"]),
    // C23 for #embed.
    .target(
        name: "CPage", path: "Sources/Product/CPage", cSettings: strictC + [.unsafeFlags(["-std=c23"])]),
    room("Product", "Page", ["Core", "HTTP", "Secrets", "CLinux", "CPage"], exclude: ["assets"]),
    room("Product", "Workers", ["Core", "Telemetry", "Blobs", "JobQueue", "Studio", "Engines", "Media"]),
]

let executable: [Target] = [
    .executableTarget(
        name: "cadenza",
        dependencies: [
            "Core", "Config", "Telemetry", "Secrets", "HTTP", "Reactor", "HTTPServer", "Database", "SQLite",
            "Postgres", "JobQueue", "Ledger", "Blobs", "Kernels", "Media", "Models", "Engines", "Accounts", "Studio",
            "API", "Page", "Workers", "CLinux", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        path: "Sources/cadenza", swiftSettings: house)
]

let suites: [Target] = [
    .target(
        name: "Support",
        dependencies: ["Core", "Database", "SQLite", "Postgres", "Reactor", "CLinux", "CPostgres"],
        path: "Tests/Support", swiftSettings: house),
    tests("CoreTests", ["Core", "Support"]),
    tests("ConfigTests", ["Core", "Config", "Support"]),
    tests("SecretsTests", ["Core", "Secrets"]),
    tests("TelemetryTests", ["Core", "Telemetry"]),
    .target(
        name: "FuzzInvariants", dependencies: ["Core", "HTTP", "CZlib"], path: "Tests/Fuzz/Invariants",
        swiftSettings: house),
    tests("HTTPTests", ["Core", "HTTP", "CZlib", "FuzzInvariants", "Support"]),
    tests(
        "WireTests", ["Core", "HTTP", "Reactor", "HTTPServer", "Telemetry", "CLinux", "COpenSSL", "Support"]),
    tests(
        "DatabaseConformanceTests",
        ["Core", "Database", "SQLite", "Postgres", "JobQueue", "Ledger", "Reactor", "Support"]),
    tests("BlobsTests", ["Core", "Blobs", "Secrets", "Support"]),
    tests("KernelsTests", ["Core", "CKernels", "Kernels", "Support"]),
    tests("MediaTests", ["Core", "Media", "Support"]),
    tests("ModelsTests", ["Core", "Models", "Secrets", "Kernels", "Support"]),
    tests("EnginesTests", ["Core", "Media", "Kernels", "Models", "Engines", "Support"]),
    tests(
        "ProductTests",
        [
            "Core", "HTTP", "Telemetry", "Secrets", "Accounts", "Studio", "API", "Workers", "Blobs", "Database",
            "SQLite", "Postgres", "JobQueue", "Ledger", "Engines", "HTTPServer", "Page", "FuzzInvariants", "Support",
        ]),
    tests(
        "SimulationTests",
        [
            "Core", "Telemetry", "Blobs", "Database", "SQLite", "JobQueue", "Ledger", "Studio", "Workers", "CLinux",
            "Support",
        ]),
    tests("PageTests", ["Core", "HTTP", "Page", "CLinux", "CZlib", "Support"]),
    tests("EndToEndTests", ["Core", "Database", "SQLite", "Support", "CLinux"]),
    tests("TidyTests", ["Core", "Support"]),
]

// Only for `make fuzz`: what it builds runs under libFuzzer's own runtime.
let fuzz: [Target] =
    Context.environment["CADENZA_FUZZ"] == nil
    ? []
    : [
        .target(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer", cSettings: strictC),
        .executableTarget(
            name: "cadenza-fuzz", dependencies: ["CFuzzer", "FuzzInvariants"], path: "Tests/Fuzz/Driver",
            swiftSettings: house),
    ]

let package = Package(
    name: "cadenza",
    products: [.executable(name: "cadenza", targets: ["cadenza"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2")
    ],
    targets: system + base + network + storage + audio + product + executable + suites + fuzz
)
