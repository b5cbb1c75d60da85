import ArgumentParser
import DemoAgent
import FoundationEssentials

/// The built-in agent, as workers start it.
struct DemoAgentRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo-agent",
    abstract: "The built-in agent: writes source files after the prompt, without a model.",
    discussion: "It works on the current directory, and reads the prompt from standard input.",
    shouldDisplay: false)

  @Argument(help: "The prompt; without it, standard input is read.")
  var prompt: [String] = []

  func run() async throws {
    let code = DemoAgent.run(
      arguments: prompt, directory: FileManager.default.currentDirectoryPath)
    guard code == 0 else { throw ExitCode(code) }
  }
}
