// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// A library target of this package. The order of the calls below is the order of the
/// architecture: a module imports only what stands above it.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// A dependency of builds with the trait `PostgreSQL` only. The sources behind it are empty without
/// the trait, so such a build needs no libpq.
func ifPostgreSQL(_ name: String) -> Target.Dependency {
  .target(name: name, condition: .when(traits: ["PostgreSQL"]))
}

let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let sockets = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let arguments = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "aipm",
  products: [
    .executable(name: "aipm", targets: ["aipm"]),
    .executable(name: "aipm-replay", targets: ["aipm-replay"]),
  ],
  traits: [
    .trait(name: "PostgreSQL", description: "The event log can be in a PostgreSQL database.")
  ],
  dependencies: [
    .package(
      url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
  ],
  targets: [
    // The system's libraries, and files that the binary carries.
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(
      name: "CCurl", linkerSettings: [.linkedLibrary("curl"), .linkedLibrary("crypto")]),
    .target(name: "CProcess"),
    .target(name: "CAssets", cSettings: [.unsafeFlags(["-std=gnu23"])]),

    // Formats of text, hashes and signatures, and measurements.
    module("Text"),
    module("Cryptography", ["COpenSSL", "Text"]),
    module("Prometheus"),

    // What must not be seen, and what must not be changed.
    module("Screening", ["Text"]),

    // What a delegation is, what is written down of it, and what is seen of it.
    module("Domain", ["Text"]),
    module("Access", ["Domain"]),
    module("SystemCalls", ["CProcess", "Domain"]),
    module("NetworkRules"),
    module("EventLog", ["Text", "Domain", "Cryptography", "Screening"]),
    module("Projections", ["Text", "Domain", "NetworkRules", "EventLog", "Cryptography"]),
    module("Telemetry", ["Text", "Cryptography", "Domain", "EventLog"]),
    module("InMemoryEventStore", ["Domain", "EventLog", "Projections"]),
    module("SQLite", ["CSQLite"]),
    module(
      "SQLiteEventStore",
      ["SystemCalls", "Text", "SQLite", "Domain", "EventLog", "Projections", "Cryptography"]),
    module("PostgreSQL", [ifPostgreSQL("CPostgreSQL")]),
    module(
      "PostgreSQLEventStore",
      [
        "SystemCalls", "Text", "PostgreSQL", "SQLiteEventStore", "Domain", "EventLog",
        "Projections",
      ]),
    module(
      "Stores",
      ["EventLog", "Projections", "SQLiteEventStore", ifPostgreSQL("PostgreSQLEventStore")]),

    // How programs speak to people.
    module("Terminal"),

    // What drives it.
    module(
      "Workflows",
      [
        "Text",
        "CAssets", "Domain", "NetworkRules", "Yams",
        .product(name: "Mustache", package: "swift-mustache"),
        "Cryptography", "Screening",
      ]),
    module("Notifications", ["Text", "Cryptography", "Domain", "EventLog", "Workflows"]),
    module("ForgePort", ["Domain"]),
    module(
      "Engine",
      [
        "Text", "Domain", "EventLog", "Projections", "Workflows", "ForgePort", "Cryptography",
        "Screening",
      ]),

    // The world outside.
    module("Processes", ["SystemCalls", "Text", "CProcess", "Screening", subprocess]),
    module("HTTPClient", ["SystemCalls", "Text", "CCurl"]),
    module(
      "OpenID", ["SystemCalls", "Text", "Cryptography", "Domain", "Access", "HTTPClient"]),
    module(
      "Delivery",
      [
        "SystemCalls", "Text", "Cryptography", "Prometheus", "Domain", "EventLog", "Projections",
        "Telemetry", "Workflows", "Notifications", "HTTPClient", log,
      ]),
    module("Egress", ["NetworkRules", "HTTPClient", "Screening", nio, sockets]),
    module("DemoAgent"),
    module(
      "ForgeGitHub",
      ["SystemCalls", "Text", "Domain", "ForgePort", "HTTPClient", "Cryptography"]),
    module(
      "Mirrors",
      [
        "SystemCalls", "Text", "Domain", "Projections", "ForgePort", "Engine", "Processes",
        "Screening",
      ]),
    .target(
      name: "WebUI", dependencies: ["Text", "CAssets", hummingbird, "Cryptography"],
      exclude: ["page"],
      swiftSettings: strict),
    module("HTTPServing", [hummingbird, log]),
    module("GitBackend", ["Processes", hummingbird, log]),
    module(
      "EmbeddedForge",
      [
        "SystemCalls", "Text", "SQLite", "HTTPClient", "HTTPServing", "GitBackend", "Processes",
        hummingbird, "Cryptography", log,
      ]),
    module("WorkerProtocol", ["Domain", "Text", "NetworkRules", "Workflows", "Cryptography"]),
    module(
      "Worker",
      [
        "SystemCalls", "Text",
        "Domain", "NetworkRules", "Workflows", "WorkerProtocol", "HTTPClient", "CProcess",
        "Processes", "Egress", subprocess,
        "Cryptography", "Screening", log,
      ]),
    module(
      "Server",
      [
        "SystemCalls", "Text", "Access", "OpenID", "NetworkRules",
        "Domain", "EventLog", "Projections", "ForgePort", "Engine", "Workflows", "WebUI",
        "HTTPClient", "HTTPServing", "WorkerProtocol", "Processes", hummingbird, "Cryptography",
        "Prometheus",
        "Screening", "Telemetry", log,
      ]),

    .executableTarget(
      name: "aipm",
      dependencies: [
        "SystemCalls", "Text", "Access",
        "Cryptography", "Domain", "EventLog", "Projections", "Stores", "Workflows",
        "ForgePort", "Engine", "Terminal", "HTTPClient", "OpenID", "Telemetry", "Notifications",
        "Delivery", "DemoAgent", "ForgeGitHub",
        "Mirrors",
        "EmbeddedForge", "Worker", "WorkerProtocol",
        "HTTPServing", "Server",
        "NetworkRules", "Processes", "Yams", subprocess, arguments,
        log,
      ], swiftSettings: strict),
    .executableTarget(
      name: "aipm-replay",
      dependencies: [
        "SystemCalls", "Text",
        "Cryptography", "Domain", "EventLog", "Projections", "Stores", "Terminal",
        arguments,
      ],
      swiftSettings: strict),

    .target(name: "Randomness", path: "Tests/Randomness", swiftSettings: strict),
    tests("DomainTests", ["Domain", "Randomness"]),
    tests("AccessTests", ["Access", "Domain", "Randomness"]),
    tests("NetworkRulesTests", ["NetworkRules", "Randomness"]),
    tests("ScreeningTests", ["Screening", "Randomness"]),
    .target(
      name: "LogStories", dependencies: ["Domain", "EventLog", "Randomness"],
      path: "Tests/LogStories",
      swiftSettings: strict),
    .target(
      name: "EventStoreConformance",
      dependencies: ["Text", "Domain", "EventLog", "Projections", "LogStories", "Randomness"],
      path: "Tests/EventStoreConformance", swiftSettings: strict),
    tests(
      "EventLogTests", ["Text", "Cryptography", "Domain", "EventLog", "LogStories", "Randomness"]),
    tests(
      "ProjectionsTests",
      ["Text", "Domain", "NetworkRules", "EventLog", "Projections", "LogStories", "Randomness"]),
    tests(
      "TelemetryTests",
      ["Text", "Domain", "EventLog", "Telemetry", "LogStories", "Randomness"]),
    tests(
      "InMemoryEventStoreTests",
      [
        "InMemoryEventStore", "EventStoreConformance", "LogStories", "Randomness", "EventLog",
        "Domain",
      ]),
    tests("TextTests", ["Text", "Randomness"]),
    tests("SystemCallsTests", ["SystemCalls", "Domain"]),
    tests("SQLiteTests", ["SQLite"]),
    .target(
      name: "SigningKeys", dependencies: ["Text", "COpenSSL"], path: "Tests/SigningKeys",
      swiftSettings: strict),
    tests("CryptographyTests", ["Text", "Cryptography", "COpenSSL", "SigningKeys"]),
    tests(
      "OpenIDTests",
      ["OpenID", "Access", "Domain", "Text", "Cryptography", "SigningKeys", "Randomness"]),
    .executableTarget(
      name: "openid-sign-in",
      dependencies: ["OpenID", "Access", "Domain", "HTTPClient", "SystemCalls", "Text"],
      path: "Tests/SignIn", swiftSettings: strict),
    tests("PrometheusTests", ["Prometheus"]),
    .executableTarget(
      name: "log-writer",
      dependencies: [
        "Text",
        "Cryptography", "Domain", "EventLog", "LogStories", "Randomness", "SQLiteEventStore",
      ],
      path: "Tests/LogWriter", swiftSettings: strict),
    .testTarget(
      name: "SQLiteEventStoreTests",
      dependencies: [
        "Text",
        "Cryptography", "SQLiteEventStore", "SQLite", "EventStoreConformance", "LogStories",
        "Randomness",
        "Domain", "EventLog",
        "Projections", "InMemoryEventStore", "log-writer",
      ], exclude: ["Fixtures"], swiftSettings: strict),
    .target(name: "RawSockets", path: "Tests/RawSockets", swiftSettings: strict),
    .target(
      name: "PostgreSQLCluster", dependencies: ["PostgreSQL", "RawSockets"],
      path: "Tests/PostgreSQLCluster", swiftSettings: strict),
    // A program of its own: the package's other tests need no PostgreSQL.
    .executableTarget(
      name: "PostgreSQLEventStoreTests",
      dependencies: [
        "PostgreSQLCluster",
        "Text", "Domain", "EventLog", "Projections", "SystemCalls", "PostgreSQL",
        "PostgreSQLEventStore", "SQLiteEventStore", "InMemoryEventStore", "EventStoreConformance",
        "LogStories", "Randomness", "RawSockets",
      ], path: "Tests/PostgreSQLEventStoreTests", swiftSettings: strict),
    tests(
      "ReplayTests",
      [
        "Text",
        "aipm-replay", "Cryptography", "Domain", "EventLog", "LogStories", "Randomness",
        "Projections", "SQLite",
        "SQLiteEventStore",
      ]),
    tests("HTTPClientTests", ["HTTPClient", "Processes", "RawSockets"]),
    tests(
      "DeliveryTests",
      [
        "Delivery", "Domain", "EventLog", "Projections", "InMemoryEventStore", "LogStories",
        "Randomness", "Prometheus", log,
      ]),
    tests(
      "ForgeTests",
      [
        "ForgePort", "ForgeGitHub", "Mirrors", "Engine", "Domain", "EventLog", "Projections",
        "InMemoryEventStore", "Workflows", "HTTPClient",
        "Processes", "HTTPServing", "GitBackend", "EmbeddedForge", "RawSockets", hummingbird,
        "Cryptography", "COpenSSL", "Screening", log,
      ]),
    .target(
      name: "ForgeConformance", dependencies: ["Domain", "ForgePort"],
      path: "Tests/ForgeConformance", swiftSettings: strict),
    tests(
      "ForgeConformanceTests",
      [
        "ForgeConformance", "Domain", "ForgePort", "ForgeGitHub", "EmbeddedForge", "Processes",
        "RawSockets", "Cryptography", "Text", "HTTPClient", log,
      ]),
    tests(
      "EgressTests",
      [
        "Egress", "NetworkRules", "HTTPClient", "Processes", "RawSockets", "Randomness", nio,
        sockets, log,
      ]),
    tests("ProcessesTests", ["Processes"]),
    tests("HTTPServingTests", ["HTTPServing", "RawSockets", hummingbird, log]),
    tests(
      "EmbeddedForgeTests",
      ["SystemCalls", "EmbeddedForge", "Processes", "RawSockets", "Cryptography", log]),
    tests(
      "NotificationsTests",
      ["Text", "Domain", "EventLog", "Workflows", "Notifications", "LogStories", "Randomness"]),
    tests("WorkflowsTests", ["Domain", "NetworkRules", "Screening", "Workflows", "Yams"]),
    tests(
      "WorkerTests",
      [
        "Text",
        "SystemCalls",
        "Worker", "WorkerProtocol", "Workflows", "Domain", "NetworkRules", "Egress",
        "HTTPServing", "Cryptography", "Processes", "Randomness", hummingbird, log,
      ]),
    .target(
      name: "Simulation",
      dependencies: [
        "Domain", "EventLog", "Projections", "InMemoryEventStore", "Workflows", "ForgePort",
        "Engine", "Worker", "WorkerProtocol", "LogStories", "Randomness",
      ], path: "Tests/Simulation", swiftSettings: strict),
    .executableTarget(
      name: "simulate", dependencies: ["Simulation", "Workflows", "CAssets", arguments],
      path: "Tests/Simulate", swiftSettings: strict),
    tests("SimulationTests", ["Simulation", "Workflows"]),
    .target(
      name: "InstantWorld",
      dependencies: [
        "Domain", "EventLog", "InMemoryEventStore", "Workflows", "ForgePort", "Engine",
        "LogStories", "Randomness",
      ], path: "Tests/InstantWorld", swiftSettings: strict),
    tests(
      "ServerTests",
      [
        "Access", "Server", "OpenID", "Engine", "Domain", "EventLog", "InMemoryEventStore",
        "LogStories", "Randomness", "SystemCalls",
        "Workflows", "WorkerProtocol", "InstantWorld", "Projections", "Text", "WebUI", log,
        hummingbird, nio, "Prometheus", "ForgePort", "NetworkRules",
      ]),
    tests(
      "EngineTests",
      [
        "Domain", "EventLog", "ForgePort", "Projections", "InMemoryEventStore", "Workflows",
        "Engine",
        "LogStories", "Randomness", "InstantWorld", "Simulation",
      ]),
    tests("TidyTests", []),
    .target(
      name: "TestKit",
      dependencies: [
        "Text",
        "Cryptography", "EventLog", "HTTPClient", "HTTPServing", "NetworkRules", "Processes",
        "WorkerProtocol", "Workflows", hummingbird, log,
      ],
      path: "Tests/TestKit", exclude: ["KillSwitch"], swiftSettings: strict),
    tests(
      "EndToEndTests",
      [
        "Text", "Domain",
        "TestKit", "EventLog", "HTTPClient", "Processes", "aipm", "aipm-replay", "Cryptography",
        "WorkerProtocol", "RawSockets",
      ]),
    // The programs of several servers, built with the trait.
    .executableTarget(
      name: "SeveralServersTests",
      dependencies: [
        "TestKit", "PostgreSQLCluster", "PostgreSQL", "Text", "EventLog", "HTTPClient",
        "Processes", "RawSockets", "SQLiteEventStore",
      ], path: "Tests/SeveralServersTests", swiftSettings: strict),
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "Text", "Cryptography", "Domain", "NetworkRules", "Projections", "Workflows",
        "WorkerProtocol", "Processes", "Randomness", "RawSockets", "TestKit", arguments,
      ], path: "Tests/Fuzz", swiftSettings: strict),
    tests("DemoAgentTests", ["DemoAgent"]),
    .target(
      name: "CStoreReference", dependencies: ["CSQLite", "COpenSSL"], path: "Tests/StoreReference"),
    .target(
      name: "CPostgreSQLReference", dependencies: [ifPostgreSQL("CPostgreSQL"), "COpenSSL"],
      path: "Tests/PostgreSQLReference",
      cSettings: [.define("POSTGRESQL", .when(traits: ["PostgreSQL"]))]),
    .executableTarget(
      name: "aipm-bench",
      dependencies: [
        "Text", "CSQLite", "CStoreReference", "CPostgreSQLReference",
        ifPostgreSQL("PostgreSQLCluster"), "Domain", "EventLog", "Projections",
        "SQLiteEventStore", "Stores",
        "Workflows", "Engine",
        "LogStories", "Randomness", "InstantWorld", "Egress", "NetworkRules", "TestKit",
        "Processes", "RawSockets", "Cryptography", "SystemCalls",
        log, arguments,
      ], path: "Tests/Bench", swiftSettings: strict),
    tests("BenchTests", ["aipm-bench", "aipm", "aipm-replay", "TestKit"]),
  ]
)
