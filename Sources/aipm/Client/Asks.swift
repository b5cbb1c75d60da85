import ArgumentParser
import Domain
import EventLog
import Terminal
import Text

struct Cancel: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ends delegations; their branches and pull requests stay.",
    discussion: """
      Before the generated commit was accepted it wins; after that the push goes on.

      \(DelegationSelection.help)

      Examples:
        aipm cancel PR1733356800123
        aipm cancel --query 'repo:acme/tools state:queued'
      """)

  @OptionGroup var delegations: DelegationsArgument
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func run() async throws {
    let command = BulkCommand(
      name: "cancel", verb: "Cancel", states: "queued,working",
      said: { "\($0) is being cancelled: `aipm watch \($0)` follows it" })
    try await delegations.run(command, try client.api, output)
  }
}

struct Retry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Goes on with delegations that failed, on the same branches and pull requests.",
    discussion: """
      \(DelegationSelection.help)

      Examples:
        aipm retry PR1733356800123
        aipm retry --query 'failure:agent-timeout since:24h' --yes
      """)

  @OptionGroup var delegations: DelegationsArgument
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func run() async throws {
    let command = BulkCommand(
      name: "retry", verb: "Retry", states: DelegationStateName.failed.rawValue,
      said: { "\($0) goes on: `aipm watch \($0)` follows it" })
    try await delegations.run(command, try client.api, output)
  }
}

/// A request about each of several delegations.
struct BulkCommand {
  /// The last part of the route.
  var name: String
  /// For a question.
  var verb: String
  /// The states that allow it, as in a query.
  var states: String
  /// The message for a confirmation code.
  var said: (String) -> String
}

/// The delegations of a subcommand: named, or selected by a query.
struct DelegationsArgument: ParsableArguments {
  private static let limitMax = 500

  @Argument(
    help: ArgumentHelp(
      "Ids, confirmation codes, or OWNER/REPO#NUMBER (the newest delegation of that PR).",
      valueName: "ref"),
    completion: .delegations)
  var references: [String] = []
  @Option(
    parsing: .unconditional, help: "All that this query selects; they are shown first.")
  var query: String?
  @Option(help: ArgumentHelp("How many a query may select; more are refused.", valueName: "number"))
  var limit = 100
  @Flag(name: .shortAndLong, help: "Do it without a question.")
  var yes = false
  @Flag(help: "Show what a query selects, and do nothing.")
  var dryRun = false

  func validate() throws {
    guard references.isEmpty != (query == nil) else {
      throw ValidationError("name a delegation, or select some with --query")
    }
    guard (1...Self.limitMax).contains(limit) else {
      throw ValidationError("--limit is a number to \(Self.limitMax)")
    }
    if dryRun, query == nil { throw ValidationError("--dry-run shows what --query selects") }
  }

  /// Asks the server for each of them.
  /// - Throws: `ExitCode` if one was not possible.
  func run(_ command: BulkCommand, _ api: ServerAPI, _ output: SelectionOptions) async throws {
    guard let query else {
      var resolved: [String] = []
      for reference in references {
        resolved.append(try await ReferenceArgument.resolved(reference, api))
      }
      return try await run(command, resolved, api, output)
    }
    var selection = try DelegationSelection(query)
    guard !selection.isEmpty else {
      throw Failure("the query is empty: it would select every delegation", code: .usage)
    }
    try selection.add(.state, command.states)
    let found = try await selection.find(api, limit: limit)
    let items = found["items"].arrayValue ?? []
    guard found["next"].stringValue == nil else {
      throw Failure(
        "the query selects more than \(limit) delegations: narrow it, or raise --limit to "
          + "\(Self.limitMax) at most", code: .usage)
    }
    guard !items.isEmpty else {
      if output.isJSON { return try await output.print(.object(["items": []])) }
      return Terminal.complain("the query selects nothing to \(command.name)")
    }
    if dryRun, output.isJSON { return try await output.print(.object(["items": .array(items)])) }
    if !output.isJSON { DelegationsShown(items).tell() }
    if dryRun { return }
    if !yes {
      let count = items.count == 1 ? "this delegation" : "these \(items.count) delegations"
      try Confirmation.ask("\(command.verb) \(count)?", flag: "--yes")
    }
    try await run(command, items.compactMap { $0["id"].stringValue }, api, output)
  }

  private func run(
    _ command: BulkCommand, _ references: [String], _ api: ServerAPI, _ output: SelectionOptions
  ) async throws {
    func send(_ reference: String) async throws -> JSONValue {
      try await api.post(
        ServerAPI.path("/api/delegations", reference, "/\(command.name)"))
    }
    if references.count == 1, query == nil {
      let answer = try await send(references[0])
      if output.isJSON { return try await output.print(answer) }
      return Terminal.say(command.said(answer["confirmationCode"].safeText ?? ""))
    }
    var answers: [JSONValue] = []
    var failures = 0
    for reference in references {
      do {
        let answer = try await send(reference)
        answers.append(answer)
        if !output.isJSON {
          Terminal.say(command.said(answer["confirmationCode"].safeText ?? ""))
        }
      } catch let failure as Failure {
        // Without a server or a permission no other one is possible either.
        if [.notReached, .refused].contains(failure.code) { throw failure }
        failures += 1
        Terminal.complain("aipm: \(reference.safe()): \(failure.description)")
      }
    }
    if output.isJSON { try await output.print(.object(["items": .array(answers)])) }
    if failures > 0 {
      throw Failure("\(failures) of \(references.count) were not possible")
    }
  }
}
