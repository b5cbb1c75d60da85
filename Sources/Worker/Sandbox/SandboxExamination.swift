// Tests each part of the sandbox on this machine.

import FoundationEssentials
import Glibc
import Processes
import SystemCalls

extension Sandbox {
  /// The result of a test.
  package struct Examination: Sendable {
    /// nil if everything works.
    package var fault: (reason: String, hint: String)?
    /// The barriers; empty if the sandbox cannot be set up.
    package var walls: [Wall] = []
  }

  /// One barrier between an agent and the machine.
  package struct Wall: Sendable {
    /// What it protects.
    package let name: String
    /// How it works, for people.
    package let detail: String
    package let works: Bool
  }

  /// Tests the sandbox: separate processes, an empty network, a listener passed to this process, a
  /// refused system call. Takes some hundredths of a second.
  /// - Parameter program: the program with the subcommand `confine`; nil for this one.
  package static func examine(program: String? = nil) async -> Examination {
    var sandbox = Sandbox()
    if let program { sandbox.program = program }
    let name = "aipm-examination-\(UInt64.random(in: 0...UInt64.max))"
    let folder = FileManager.default.temporaryDirectory.path + "/\(name)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    do {
      let walls = try await sandbox.walls(in: folder)
      let missing = walls.filter { !$0.works }.map(\.name).joined(separator: ", ")
      let fault = missing.isEmpty ? nil : explained("it does not isolate: \(missing)")
      return Examination(fault: fault, walls: walls)
    } catch {
      return Examination(fault: explained("\(error)"))
    }
  }

  /// The sandbox could not be set up.
  private struct Unbuilt: Error, CustomStringConvertible { let description: String }

  private func walls(in folder: String) async throws -> [Wall] {
    try DurableFile.makeFolder(folder)
    var grants = Grants(temporary: folder)
    grants.network = .own(listeners: [SandboxNetwork.proxyPort])
    // Each printed name is a barrier that works (proc(5)).
    let script = """
      test -e /proc/\(getpid())/exe || echo processes
      ( : > /proc/sys/kernel/domainname ) 2>/dev/null || echo proc
      test "$(grep -c : /proc/net/dev)" = 1 && echo network
      grep -q '^Seccomp:.2' /proc/self/status && echo calls
      true
      """
    let socket = try LaunchSocket(in: folder)
    let probe = Command(
      "sh", ["-c", script], timeout: .seconds(10), diesWithParent: AgentProcess.canDieWithParent)
    let command = try wrapped(probe, grants, socket: socket.path)
    let (result, start) = try await socket.attended {
      () async throws(ProcessFault) in
      try await command.run()
    } serve: { listeners in
      for listener in listeners { close(listener) }
      return listeners.count == 1
    }
    switch start {
    case .started:
      let working = Set(result.outputText.split(separator: "\n").map(String.init))
      return Self.all.map {
        Wall(name: $0.name, detail: $0.detail, works: working.contains($0.key))
      }
    case .failed(let number):
      throw Unbuilt(
        description: "the first process inside failed: \(String(cString: strerror(number)))")
    case .unknown: throw Unbuilt(description: result.errorText)
    }
  }

  private static let all = [
    ("processes", "other processes", "an agent sees and signals only its own"),
    ("proc", "the kernel's settings", "/proc is read-only"),
    ("network", "this machine's network", "an agent has a separate one with the worker's proxy"),
    ("calls", "the kernel's interfaces", "a filter refuses keyctl, io_uring, bpf, mounts and more"),
  ].map { (key: $0.0, name: $0.1, detail: $0.2) }

  private static func explained(_ message: String) -> (reason: String, hint: String) {
    let first = message.split(separator: "\n").first.map(String.init) ?? "it printed no reason"
    let hint: String
    if message.contains("bwrap: no such program") {
      return ("bwrap is not installed", "Install bubblewrap, on Debian: apt-get install bubblewrap")
    } else if message.contains("no such program") {
      return (first, "Install util-linux and coreutils, which have choom and nice.")
    } else if message.contains("proc") && message.contains("mount") {
      hint =
        "This container hides parts of /proc: start it with --security-opt systempaths=unconfined."
    } else if message.contains("namespace") || message.contains("uid map") {
      hint = """
        The kernel or the container forbids user namespaces: set \
        kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0, or \
        start the container with --security-opt seccomp=unconfined.
        """
    } else {
      hint = "bubblewrap gives no further reason."
    }
    return (first, hint)
  }
}
