import ArgumentParser
import NetworkRules
import Worker

/// The isolation of agents from the machine: of a worker, and of the server's local workers.
struct SandboxOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Whether agents run in a sandbox of bubblewrap: on or not at all, auto if it works, off "
        + "(on).", valueName: "on|auto|off"))
  var sandbox: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Folders that agents may read in it besides the system's and those of the PATH.",
      valueName: "dir"))
  var sandboxReadable: [String] = []
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Private addresses that agents may reach if a workflow names the host, such as "
        + "10.1.0.0/16 (none).", valueName: "range"))
  var agentPrivateNetwork: [String] = []

  /// The effective settings.
  struct Chosen {
    var mode: Sandbox.Mode
    var readable: [String]
    var privateRanges: [AddressRange]

    /// The flags for a worker.
    var flags: [String] {
      ["--sandbox", mode.rawValue]
        + (readable.isEmpty ? [] : ["--sandbox-readable"] + readable)
        + (privateRanges.isEmpty
          ? [] : ["--agent-private-network"] + privateRanges.map { "\($0)" })
    }
  }

  func put(into flags: inout GivenFlags) {
    flags.put(.sandbox, sandbox)
    flags.put(.sandboxReadable, sandboxReadable)
    flags.put(.agentPrivateNetwork, agentPrivateNetwork)
  }

  func read(_ settings: Settings) throws -> Chosen {
    let mode = try settings.word(.sandbox, as: Sandbox.Mode.self) ?? .on
    let readable = settings.list(.sandboxReadable)
    for folder in readable where !folder.hasPrefix("/") {
      throw Settings.Fault(
        description: "--sandbox-readable is \(folder): write the absolute path of a folder")
    }
    let ranges = try settings.list(.agentPrivateNetwork).map { text in
      do throws(NetworkFault) { return try AddressRange(parsing: text) } catch {
        throw Settings.Fault(description: "--agent-private-network: \(error)")
      }
    }
    return Chosen(mode: mode, readable: readable, privateRanges: ranges)
  }
}
