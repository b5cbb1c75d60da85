import ArgumentParser
import EventLog
import Terminal
import Text

struct Redact: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Removes the text of one event for ever, such as a leaked secret.",
    discussion: """
      The event's words and their salt are deleted, and the output of its delegation's agent with \
      them; its hashes stay, so the log can still be checked, and the redaction is an event. The \
      delegation must have ended. What was written to the forge, to backups and to exports is \
      out of reach, and is named.

      Find the event with `aipm audit`, for example: aipm audit '"the secret"'
      """)

  @Argument(help: ArgumentHelp("The event's position in the log.", valueName: "position"))
  var position: Int64
  @Option(
    help: ArgumentHelp(
      "The reason; it is recorded in the log, so do not name the secret.", valueName: "text"))
  var reason: String
  @Flag(name: .shortAndLong, help: "Do it without a question.")
  var yes = false
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func validate() throws {
    guard position > 0 else { throw ValidationError("POSITION is a number from 1 on") }
    guard !reason.isEmpty else { throw ValidationError("--reason is empty: write why") }
  }

  func run() async throws {
    if !yes {
      try Confirmation.ask(
        "Remove the text of event \(position)? It cannot be restored.", flag: "--yes")
    }
    let answer = try await client.api.post(
      "/api/events/\(position)/redact", body: .object(["reason": .string(reason)]))
    if output.isJSON { return try await output.print(answer) }
    Terminal.say(
      "The text of event \(position) is removed; event "
        + "\(answer["event"]["position"].integerValue ?? 0) records it. "
        + "Files of output removed: \(answer["outputsRemoved"].integerValue ?? 0).")
    Terminal.say("Not removed; the text may also be in:")
    for copy in answer["outOfReach"].arrayValue ?? [] {
      Terminal.say("  - \(copy.safeText ?? "")")
    }
  }
}
