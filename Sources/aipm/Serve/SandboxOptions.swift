import ArgumentParser
import Worker

/// How agents are kept apart from the machine: of the server for its own workers, and of a worker.
struct SandboxOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Whether agents run in a sandbox of bubblewrap: auto where it works, on or not at all, off "
        + "(auto).", valueName: "auto|on|off"))
  var sandbox: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Folders that agents may read in it besides the system's and those of the PATH.",
      valueName: "dir"))
  var sandboxReadable: [String] = []

  /// What was told, from all the places it may be told.
  struct Chosen {
    var mode: Sandbox.Mode
    var readable: [String]
  }

  func read(_ settings: Settings) throws -> Chosen {
    let mode = try settings.word("sandbox", flag: sandbox, as: Sandbox.Mode.self) ?? .auto
    let readable = settings.list("sandboxReadable", flags: sandboxReadable)
    for folder in readable where !folder.hasPrefix("/") {
      throw Settings.Fault(
        description: "--sandbox-readable is \(folder): write the absolute path of a folder")
    }
    return Chosen(mode: mode, readable: readable)
  }
}
