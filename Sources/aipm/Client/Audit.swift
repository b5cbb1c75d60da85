import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Projections
import Terminal
import Text

struct Audit: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Finds events in the log, the newest first.",
    discussion: """
      Terms are key:value or free text; all must hold; - before a term negates it; quotes hold \
      words together.

        repo: pr: id: code: branch:     of the delegation that the event belongs to
        type: actor: worker: agent:     of the event
        sha:                            the first digits of a commit
        since: until: position:         a time, a span such as 24h, a position; a..b, >a, <a
        refused:                        a host that an attempt was refused
        follows:                        the delegation that a follow-up follows
        state: age: stuck:              of the delegation as it is now

      Examples:
        aipm audit 'repo:acme/tools state:Failed since:24h "timeout"'
        aipm audit state:Generating 'age:>10m'
        aipm audit sha:3f2a9c1
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument { case text, table, json, jsonl, csv }

  private static let pageMax = 1000

  @Argument(help: ArgumentHelp("The terms to match.", valueName: "query"))
  var query: [String] = []
  @Option(help: "How many events at most.")
  var limit = 50
  @Option(help: "text, table, json, jsonl or csv.")
  var format: Format?
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit is a number from 1 on") }
  }

  func run() async throws {
    let (events, next) = try await events()
    switch format ?? (output.json ? .json : Terminal.isInteractive ? .table : .text) {
    case .json:
      JSONValue.object(["items": .array(events), "next": next.map { .string($0) } ?? .null])
        .printLine()
      return
    case .jsonl: events.forEach { $0.printLine() }
    case .csv:
      Terminal.put(AuditTable.line(AuditTable.titles))
      events.forEach { Terminal.put(AuditTable.line(AuditTable.row($0))) }
    case .text: events.forEach { Terminal.say(Self.cells($0).joined(separator: "  ")) }
    case .table:
      Terminal.table(["POSITION", "TIME", "EVENT", "STREAM", "BY", "WHAT"], events.map(Self.cells))
    }
    if events.isEmpty { Terminal.complain("no event fits the query") }
    if next != nil { Terminal.complain("there are more: raise --limit, or narrow the query") }
  }

  /// The events, from as many pages as needed, and the cursor of the rest.
  private func events() async throws -> ([JSONValue], String?) {
    let api = try client.api
    var events: [JSONValue] = []
    var cursor: String?
    repeat {
      let answer = try await api.get(
        "/api/audit",
        query: [
          ("q", query.joined(separator: " ")), ("cursor", cursor),
          ("limit", String(min(limit - events.count, Self.pageMax))),
        ])
      events += answer["items"].arrayValue ?? []
      cursor = answer["next"].stringValue
    } while cursor != nil && events.count < limit
    return (events, cursor)
  }

  /// Fields that no person reads: digests, and definitions of workflows. `--json` prints them.
  private static let left: Set = [
    "digest", "requestBody", "idempotencyKey", "source", "outputDigest",
  ]
  /// The longest value; longer ones are cut off.
  private static let valueMax = 160

  private static func cells(_ event: JSONValue) -> [String] {
    let unreadable = event["unreadable"].objectValue
    var data = event["data"].objectValue ?? unreadable ?? [:]
    let text = data.removeValue(forKey: "text")?.objectValue ?? [:]
    let words = data.merging(text) { first, _ in first }.filter { !left.contains($0.key) }
      .sorted { $0.key < $1.key }.map { key, value in
        let shown = (value.stringValue ?? value.canonicalText).safe()
        return "\(key)=\(shown.count > valueMax ? shown.prefix(valueMax) + "…" : shown)"
      }
    // Everything except the data.
    let columns = AuditTable.row(event).dropLast()
    return [
      columns[0], columns[1], columns[2], columns[3].safe(),
      "\(columns[5])/\(columns[6])".safe(), words.joined(separator: " "),
    ]
  }
}

extension JSONValue {
  /// The event of an envelope.
  /// - Throws: `Failure` if the envelope is invalid or its event type unknown.
  func storedEvent() throws -> StoredEvent {
    do throws(CodecFault) {
      return try StoredEvent(exported: canonical)
    } catch {
      throw Failure("the server's event cannot be read: \(error); is it of the same version?")
    }
  }
}
