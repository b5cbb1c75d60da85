// Whether the sandbox works on this machine, part by part, found out by trying it.

import FoundationEssentials
import Glibc
import Processes

extension Sandbox {
  /// What was found out about it on this machine.
  package struct Examination: Sendable {
    /// nil where it works.
    package var fault: (reason: String, hint: String)?
  }

  /// Tries it out: its own processes alone, an empty network, a listener passed to this process, a
  /// refused system call. Takes some hundredths of a second.
  /// - Parameter program: the program that has the subcommand `confine`; nil: this one.
  package static func examine(program: String? = nil) async -> Examination {
    var sandbox = Sandbox()
    if let program { sandbox.program = program }
    let folder = FileManager.default.temporaryDirectory.path + "/aipm-examination-\(getpid())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    do {
      try DurableFile.makeFolder(folder)
      let said = try await sandbox.failure(in: folder)
      return Examination(fault: said.map(explained))
    } catch {
      return Examination(fault: explained("\(error)"))
    }
  }

  /// - Returns: nil where all of it worked, else what was said.
  private func failure(in folder: String) async throws -> String? {
    var grants = Grants(temporary: folder)
    grants.network = .own(listeners: [SandboxNetwork.proxyPort])
    // Only processes of the sandbox are seen; the network has nothing but its own loopback; the
    // filter of system calls is in force (proc(5)).
    let script = """
      ! test -e /proc/\(getpid())/exe && test "$(grep -c : /proc/net/dev)" = 1 \
      && grep -q '^Seccomp:.2' /proc/self/status \
      && ! ( : > /proc/sys/kernel/domainname ) 2>/dev/null
      """
    let door = try LaunchDoor(in: folder)
    let command = try wrapped(
      Command("sh", ["-c", script], timeout: .seconds(10)), grants, door: door.path)
    async let start = door.attend { listeners in
      for listener in listeners { close(listener) }
      return listeners.count == 1
    }
    let result: ProcessResult
    do { result = try await command.run() } catch {
      door.close()
      _ = await start
      throw error
    }
    door.close()
    switch await start {
    case .started where result.succeeded: return nil
    case .started: return "what runs inside is not kept apart: \(result.errorText)"
    case .failed(let number):
      return "the first process inside failed: \(String(cString: strerror(number)))"
    case .unknown: return result.errorText
    }
  }

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
