// Whether the sandbox works on this machine, part by part, found out by trying it.

import FoundationEssentials
import Glibc
import Processes
import SystemCalls

extension Sandbox {
  /// What was found out about it on this machine.
  package struct Examination: Sendable {
    /// nil where all of it works.
    package var fault: (reason: String, hint: String)?
    /// Each wall by itself; empty if the sandbox cannot be built at all.
    package var walls: [Wall] = []
  }

  /// One of the walls around an agent.
  package struct Wall: Sendable {
    /// What it keeps from the agent.
    package let name: String
    /// What stands there, in words.
    package let detail: String
    package let stands: Bool
  }

  /// Tries it out: its own processes alone, an empty network, a listener passed to this process, a
  /// refused system call. Takes some hundredths of a second.
  /// - Parameter program: the program that has the subcommand `confine`; nil: this one.
  package static func examine(program: String? = nil) async -> Examination {
    var sandbox = Sandbox()
    if let program { sandbox.program = program }
    let name = "aipm-examination-\(UInt64.random(in: 0...UInt64.max))"
    let folder = FileManager.default.temporaryDirectory.path + "/\(name)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    do throws(Unbuilt) {
      let walls = try await sandbox.walls(in: folder)
      let missing = walls.filter { !$0.stands }.map(\.name).joined(separator: ", ")
      let fault = missing.isEmpty ? nil : explained("it does not keep apart: \(missing)")
      return Examination(fault: fault, walls: walls)
    } catch {
      return Examination(fault: explained(error.said))
    }
  }

  /// There is no sandbox at all.
  private struct Unbuilt: Error { let said: String }

  private func walls(in folder: String) async throws(Unbuilt) -> [Wall] {
    do { return try await tried(in: folder) } catch let fault as Unbuilt { throw fault } catch {
      throw Unbuilt(said: "\(error)")
    }
  }

  private func tried(in folder: String) async throws -> [Wall] {
    try DurableFile.makeFolder(folder)
    var grants = Grants(temporary: folder)
    grants.network = .own(listeners: [SandboxNetwork.proxyPort])
    // Each word that is printed is a wall that stands (proc(5)).
    let script = """
      test -e /proc/\(getpid())/exe || echo processes
      ( : > /proc/sys/kernel/domainname ) 2>/dev/null || echo proc
      test "$(grep -c : /proc/net/dev)" = 1 && echo network
      grep -q '^Seccomp:.2' /proc/self/status && echo calls
      true
      """
    let door = try LaunchDoor(in: folder)
    var probe = Command("sh", ["-c", script], timeout: .seconds(10))
    probe.diesWithParent = AgentProcess.canDieWithParent
    let command = try wrapped(probe, grants, door: door.path)
    let (result, start) = try await door.attended {
      () async throws(ProcessFault) in
      try await command.run()
    } serve: { listeners in
      for listener in listeners { close(listener) }
      return listeners.count == 1
    }
    switch start {
    case .started:
      let standing = Set(result.outputText.split(separator: "\n").map(String.init))
      return Self.all.map {
        Wall(name: $0.name, detail: $0.detail, stands: standing.contains($0.word))
      }
    case .failed(let number):
      throw Unbuilt(
        said: "the first process inside failed: \(String(cString: strerror(number)))")
    case .unknown: throw Unbuilt(said: result.errorText)
    }
  }

  private static let all = [
    ("processes", "other processes", "an agent sees and signals its own alone"),
    ("proc", "the kernel's settings", "/proc is read-only"),
    ("network", "this machine's network", "an agent has its own, which holds the worker's proxy"),
    (
      "calls", "the kernel's inner doors", "a filter refuses keyctl, io_uring, bpf, mounts and more"
    ),
  ].map { (word: $0.0, name: $0.1, detail: $0.2) }

  private static func explained(_ said: String) -> (reason: String, hint: String) {
    let first = said.split(separator: "\n").first.map(String.init) ?? "it ended without a word"
    let hint: String
    if said.contains("bwrap: no such program") {
      return ("bwrap is not installed", "Install bubblewrap, on Debian: apt-get install bubblewrap")
    } else if said.contains("no such program") {
      return (first, "Install util-linux and coreutils, which have choom and nice.")
    } else if said.contains("proc") && said.contains("mount") {
      hint =
        "This container hides parts of /proc: start it with --security-opt systempaths=unconfined."
    } else if said.contains("namespace") || said.contains("uid map") {
      hint = """
        The kernel or the container forbids user namespaces: set \
        kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0, or \
        start the container with --security-opt seccomp=unconfined.
        """
    } else {
      hint = "bubblewrap says no more than that."
    }
    return (first, hint)
  }
}
