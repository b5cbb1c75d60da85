import Foundation
import Glibc
import NetworkRules
import RawSockets
import Synchronization
import Testing

@testable import Egress

/// The whole way: an agent in a network namespace without a route, a real client (curl), the proxy
/// in between, and hosts in a namespace of their own that serve TLS and plain HTTP.
@Suite(
  .enabled(
    if: Namespaces.canBeMade,
    "needs root, ip (iproute2), openssl, curl and python3; runs in continuous integration as root"),
  .timeLimit(.minutes(3)), .serialized)
struct NamespaceTests {
  @Test func anAgentReachesOnlyAllowedHosts() async throws {
    let spaces = try Namespaces()
    defer { spaces.remove() }
    try await spaces.serve()
    var configuration = EgressConfiguration()
    configuration.permitted = [try AddressRange(parsing: "10.213.77.0/24")]
    configuration.own = [OwnEndpoint(port: 443)]
    let names = NamesOfTest([
      "allowed.test.org": ["10.99.99.99", "10.213.77.2"], "mixed.test.org": ["169.254.169.254"],
      "other.test.org": ["10.213.77.2"], "own.test.org": ["10.213.77.1"],
      "allowed.test.org.evil.org": ["10.213.77.2"],
    ])
    let ledger = EgressLedger(uploadBytesMax: 200_000)
    let proxy = EgressProxy(configuration: configuration, resolver: names)
    proxy.use(
      NetworkPolicy(
        .hosts(try HostSet.rules(of: ["allowed.test.org", "mixed.test.org", "own.test.org"])),
        uploadBytes: 200_000), for: ledger)
    let listener = try await spaces.listenerInside()
    try await proxy.serve(listener: listener.descriptor)

    func curl(_ arguments: String...) async throws -> (code: Int32, output: String) {
      try await spaces.curl(proxy: listener.port, arguments)
    }
    let good = try await curl("https://allowed.test.org/index.html")
    #expect(good.code == 0 && good.output.contains("from the host"), "\(good)")
    let plain = try await curl("http://allowed.test.org/index.html")
    #expect(plain.code == 0 && plain.output.contains("from the host"), "\(plain)")
    // Refusals: another name, a suffix that looks alike, the metadata service, this machine.
    for name in ["other.test.org", "allowed.test.org.evil.org", "mixed.test.org", "own.test.org"] {
      let refused = try await curl("https://\(name)/")
      #expect(refused.code == 56 && refused.output.contains("403"), "\(name): \(refused)")
    }
    // Fronting: a tunnel to an allowed name, another one within TLS.
    let fronted = try await curl(
      "--connect-to", "other.test.org:443:allowed.test.org:443", "https://other.test.org/")
    #expect(fronted.code == 35, "\(fronted)")
    // Nothing is reachable without the proxy.
    let direct = try await spaces.curl(proxy: nil, ["http://10.213.77.2/"])
    #expect(direct.code == 7, "\(direct)")
    let host = try await spaces.curl(proxy: nil, ["http://127.0.0.1:\(listener.port)/"])
    #expect(host.output.contains("this is a proxy"), "\(host)")
    #expect(
      ledger.record.hosts.map { "\($0.host):\($0.port) \($0.refusal?.rawValue ?? "allowed")" }
        .dropLast()
        == [
          "allowed.test.org:443 allowed", "allowed.test.org:80 allowed",
          "other.test.org:443 host-unlisted", "allowed.test.org.evil.org:443 host-unlisted",
          "mixed.test.org:443 address-refused", "own.test.org:443 address-own",
          "allowed.test.org:443 tls-name",
        ])
    // Over the limit of the attempt.
    let file = spaces.folder + "/upload"
    try Data(repeating: 65, count: 400_000).write(to: URL(fileURLWithPath: file))
    let upload = try await curl("-T", file, "https://allowed.test.org/put")
    #expect(upload.code != 0)
    #expect(ledger.record.bytesUp <= 200_000)
    #expect(ledger.record.hosts.contains { $0.refusal == .uploadLimit })
    await proxy.close()
  }
}

/// Two network namespaces: one with hosts, behind a pair of virtual devices, and one with nothing.
struct Namespaces {
  let folder: String
  private let hosts: String
  private let inside: String
  private let device: String
  private let servers = Servers()

  private final class Servers: Sendable { let all = Mutex<[Process]>([]) }

  static var canBeMade: Bool {
    geteuid() == 0
      && ["ip", "openssl", "curl", "python3"].allSatisfy { run(["which", $0]).code == 0 }
      && run(["ip", "netns", "list"]).code == 0
  }

  init() throws {
    let id = getpid()
    folder = NSTemporaryDirectory() + "aipm-egress-\(id)"
    hosts = "aipm-hosts-\(id)"
    inside = "aipm-inside-\(id)"
    device = "aipmv\(id % 100_000)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try "from the host\n".write(toFile: folder + "/index.html", atomically: true, encoding: .utf8)
    for command in [
      "ip netns add \(hosts)", "ip netns add \(inside)",
      "ip link add \(device) type veth peer name eth0 netns \(hosts)",
      "ip addr add 10.213.77.1/24 dev \(device)", "ip link set \(device) up",
      "ip -n \(hosts) addr add 10.213.77.2/24 dev eth0", "ip -n \(hosts) link set eth0 up",
      "ip -n \(hosts) link set lo up", "ip -n \(inside) link set lo up",
      "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout \(folder)/key.pem "
        + "-out \(folder)/cert.pem -addext subjectAltName=DNS:*.test.org",
    ] {
      let result = Self.run(command.split(separator: " ").map(String.init))
      guard result.code == 0 else { throw EgressFault(description: "\(command): \(result.output)") }
    }
  }

  func remove() {
    // A thread of the pool may have SIGTERM blocked, and so have what it starts.
    servers.all.withLock { $0.forEach { kill($0.processIdentifier, SIGKILL) } }
    for command in ["ip link del \(device)", "ip netns del \(hosts)", "ip netns del \(inside)"] {
      _ = Self.run(command.split(separator: " ").map(String.init))
    }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Starts the hosts' servers, and returns when both take connections.
  func serve() async throws {
    try start("openssl s_server -accept 443 -cert cert.pem -key key.pem -WWW -quiet")
    try start("python3 -m http.server 80")
    let isUp = try await eventually { [hosts] in
      let found = Self.run(["ip", "netns", "exec", hosts, "ss", "-Hltn"]).output
      return found.contains(":443 ") && found.contains(":80 ")
    }
    guard isUp else { throw EgressFault(description: "the hosts' servers did not start") }
  }

  private func start(_ command: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["ip", "netns", "exec", hosts] + command.split(separator: " ").map(String.init)
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    servers.all.withLock { $0.append(process) }
  }

  /// A socket that listens on the loopback of the empty namespace.
  func listenerInside() async throws -> Listener {
    try await onThread { [inside] in
      let space = open("/run/netns/\(inside)", O_RDONLY | O_CLOEXEC)
      defer { close(space) }
      // The thread ends after this, so that it need not come back.
      guard space >= 0, Self.enter(space) == 0 else {
        throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
      }
      return try Listener()
    }
  }

  /// setns(2), which the C library's module for Swift leaves out; for network namespaces.
  private static func enter(_ space: CInt) -> CInt {
    guard let symbol = dlsym(nil, "setns") else { return -1 }
    typealias Function = @convention(c) (CInt, CInt) -> CInt
    return unsafeBitCast(symbol, to: Function.self)(space, 0x4000_0000)
  }

  /// Runs curl inside.
  func curl(proxy: Int?, _ arguments: [String]) async throws -> (code: Int32, output: String) {
    let way = proxy.map { ["--proxy", "http://127.0.0.1:\($0)"] } ?? ["--noproxy", "*"]
    let all =
      ["ip", "netns", "exec", inside, "curl", "-sS", "-m", "20", "--cacert", folder + "/cert.pem"]
      + way + arguments
    return try await onThread { Self.run(all) }
  }

  private static func run(_ arguments: [String]) -> (code: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = pipe
    guard (try? process.run()) != nil else { return (-1, "") }
    let output = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
