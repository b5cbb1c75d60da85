import ArgumentParser
import EventLog
import Terminal
import Text

struct Ask: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Asks for changes on a delegation's pull request: a follow-up on the same branch.",
    discussion: """
      Examples:
        aipm ask PR1733356800123 'Use a table instead of a list'
        aipm ask acme/tools#7 --comment 'src/export.js:12:Name it exportAll' --wait
        git diff | aipm ask PR1733356800123 -F -
      """)

  @OptionGroup var delegation: ReferenceArgument
  @Argument(help: "What is to be changed.") var message: String?
  @Option(
    name: [.customShort("F"), .customLong("file")],
    help: ArgumentHelp(
      "Read the message from a file; - for standard input.", valueName: "file"),
    completion: .file())
  var file: String?
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A comment on a line of the change; give it again for each.", valueName: "path:line:text"))
  var comment: [String] = []
  @Option(
    help: "The agent (that of the delegation).",
    completion: .agents)
  var agent: String?
  @Flag(help: "If another delegation is at work on the branch, wait for it.")
  var queue = false
  @Option(
    help: ArgumentHelp(
      "The same key never makes a second follow-up (a new one each time).", valueName: "key"))
  var idempotencyKey: String?
  @Flag(
    name: [.long, .customLong("follow")],
    help: "Follow it to the end; exit code 0 only if it ends as Pushed.")
  var wait = false
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func run() async throws {
    let api = try client.api
    let reference = try await delegation.resolve(api)
    let written = try await WrittenText.read(argument: message, file: file) {
      guard comment.isEmpty else { return nil }
      return [
        "Write above what is to be changed in \(reference.safe()).",
        "This line and everything below it are not part of the message.",
        "An empty message asks for nothing.",
      ]
    }
    let body = try body(written)
    let path = try ServerAPI.path("/api/delegations", reference, "/follow-ups")
    let answer = try await WrittenText.sending(written) {
      try await api.post(
        path, body: body,
        headers: [("Idempotency-Key", idempotencyKey ?? Submit.newKey())], retries: 2)
    }
    let code = answer["confirmationCode"].safeText ?? ""
    if output.isJSON, !wait { return try await output.print(answer) }
    if !output.isJSON {
      Terminal.say("Asked. Confirmation: \(Style.bold.on(code))")
      Terminal.say("pull request  \(answer["html_url"].safeText ?? "it waits for its turn")")
      if !wait { Terminal.say("`aipm watch \(code)` follows it") }
    }
    guard wait else { return }
    try await Watching.toTheEnd(of: code, api, output)
  }

  private func body(_ written: WrittenText?) throws -> JSONValue {
    var fields: [String: JSONValue] = [:]
    fields["message"] = written.map { .string($0.text) }
    let comments = try comment.map { try Self.comment($0) }
    if !comments.isEmpty { fields["comments"] = .array(comments) }
    if fields.isEmpty {
      throw Failure(
        "say what is to be changed: a message, -F FILE, or --comment PATH:LINE:TEXT",
        code: .usage)
    }
    fields["agent"] = agent.map { .string($0) }
    if queue { fields["queue"] = .bool(true) }
    return .object(fields)
  }

  /// `PATH:LINE:TEXT`; the path may contain colons.
  static func comment(_ argument: String) throws -> JSONValue {
    let bytes = Array(argument.utf8)
    let colon = UInt8(ascii: ":")
    for start in bytes.indices where bytes[start] == colon && start > 0 {
      let rest = bytes[(start + 1)...]
      guard let end = rest.firstIndex(of: colon), end > start + 1, end + 1 < bytes.count,
        let line = Int64(String(decoding: rest[..<end], as: UTF8.self)), line > 0
      else { continue }
      return .object([
        "path": .string(String(decoding: bytes[..<start], as: UTF8.self)),
        "line": .integer(line),
        "body": .string(String(decoding: bytes[(end + 1)...], as: UTF8.self)),
      ])
    }
    throw Failure(
      "--comment is \(argument.safe()): write PATH:LINE:TEXT, as in 'src/export.js:12:Rename it'",
      code: .usage)
  }
}
