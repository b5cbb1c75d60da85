import ArgumentParser

@main
struct AIPM: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aipm",
    abstract: "Delegates code to agents, and keeps a log of it that proves what happened.",
    version: ServerProcess.version,
    subcommands: [Serve.self, WorkerRun.self, ForgeCommand.self, DemoAgentRun.self])
}
