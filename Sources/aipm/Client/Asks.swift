import ArgumentParser
import EventLog
import Terminal
import Text

struct Cancel: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ends a delegation; its branch and pull request stay.",
    discussion: "Before the generated commit was accepted it wins; after that the push goes on.")

  @OptionGroup var delegation: ReferenceArgument
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await ask("cancel", delegation.reference, try client.api, output) { code in
      "\(code) is being cancelled: `aipm watch \(code)` follows it"
    }
  }
}

struct Retry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Goes on with a delegation that failed, on the same branch and pull request.")

  @OptionGroup var delegation: ReferenceArgument
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await ask("retry", delegation.reference, try client.api, output) { code in
      "\(code) goes on: `aipm watch \(code)` follows it"
    }
  }
}

/// Sends one request about one delegation and prints the result.
private func ask(
  _ what: String, _ reference: String, _ api: ServerAPI, _ output: OutputOptions,
  _ message: (String) -> String
) async throws {
  let answer = try await api.post(ServerAPI.path("/api/delegations", reference, "/\(what)"))
  if output.json { return answer.printLine() }
  Terminal.say(message(answer["confirmationCode"].safeText ?? reference))
}
