import ArgumentParser

struct Watch: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows a delegation live until it has ended.",
    discussion: """
      Its states with their times; plain lines without a terminal. A server that is \
      restarted meanwhile is found again. Exit code 0 only if it ends as Pushed.

      Examples:
        aipm watch PR1733356800123
        aipm watch acme/tools#12
      """)

  @OptionGroup var delegation: ReferenceArgument
  @OptionGroup var client: ClientOptions

  func run() async throws {
    let api = try client.api
    let isPushed = try await Watching(api, reference: try await delegation.resolve(api)).run()
    if !isPushed { throw ExitCode(Failure.Code.failed.rawValue) }
  }
}
