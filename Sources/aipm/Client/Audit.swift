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

        repo: pr: id: code: branch:   of the delegation that the event belongs to
        type: actor: worker: agent:   of the event
        sha:                          the first digits of a commit
        since: until:                 a span such as 24h, or a day or time in UTC;
                                      a..b, >a, <a
        position:                     likewise, a position
        refused:                      a host that an attempt was refused
        follows:                      the delegation that a follow-up follows
        state: age: stuck:            of the delegation as it is now

      Examples:
        aipm audit 'repo:acme/tools state:Failed since:24h "timeout"'
        aipm audit state:Generating 'age:>10m'
        aipm audit sha:3f2a9c1
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument { case text, table, json, jsonl, csv }

  private static let pageMax = 1000

  @Argument(help: ArgumentHelp("The terms to match.", valueName: "query"))
  var query: [String] = []
  @Option(help: ArgumentHelp("How many events at most.", valueName: "number"))
  var limit = 50
  @Option(help: "The form of the output; that of JSON and CSV has times in UTC.")
  var format: Format?
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit is a number from 1 on") }
  }

  func run() async throws {
    let (events, next) = try await events()
    switch format ?? (output.isJSON ? .json : Terminal.isInteractive ? .table : .text) {
    case .json:
      return try await output.print(
        .object(["items": .array(events), "next": next.map { .string($0) } ?? .null]))
    case .jsonl: events.forEach { $0.printLine() }
    case .csv:
      Terminal.put(AuditTable.line(AuditTable.titles))
      events.forEach { Terminal.put(AuditTable.line(AuditTable.row($0))) }
    case .text: events.forEach { Terminal.say(Self.cells($0).joined(separator: "  ")) }
    case .table: try await table(events)
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

  private static let codesMax = 100

  /// The table for a terminal, with local times and the codes of the delegations.
  private func table(_ events: [JSONValue]) async throws {
    let prefix = "delegation-"
    let ids = Set(events.compactMap { $0["stream"].stringValue }.filter { $0.hasPrefix(prefix) })
    let api = try client.api
    var codes: [String: String] = [:]
    for stream in ids.sorted().prefix(Self.codesMax) {
      let path = try ServerAPI.path("/api/delegations", String(stream.dropFirst(prefix.count)))
      codes[stream] = try? await api.get(path)["confirmationCode"].safeText
    }
    let rows = events.map { event in
      var cells = Self.cells(event)
      let stream = event["stream"].stringValue ?? ""
      cells[1] = LocalTime.brief(event["time"]) ?? cells[1]
      cells[2] = cells[2].hasPrefix("delegation.") ? String(cells[2].dropFirst(11)) : cells[2]
      cells[3] = codes[stream] ?? cells[3]
      if Terminal.isNarrow { cells.remove(at: 4) }
      return cells
    }
    let by = Terminal.isNarrow ? [] : ["BY"]
    Terminal.table(["POSITION", "TIME", "EVENT", "OF"] + by + ["WHAT"], rows)
  }

  /// Fields that no person reads: digests, and definitions of workflows. `--json` prints them.
  private static let left: Set = [
    "digest", "requestBody", "idempotencyKey", "source", "outputDigest",
  ]
  /// Fields that are times, in milliseconds since 1970.
  private static let times: Set = [
    "retryAt", "limitEnds", "asOf", "startAt", "saidAt", "createdAt", "expiresAt", "revokedAt",
  ]
  /// The longest value; longer ones are cut off.
  private static let valueMax = 160

  private static func cells(_ event: JSONValue) -> [String] {
    let unreadable = event["unreadable"].objectValue
    var data = event["data"].objectValue ?? unreadable ?? [:]
    let text = data.removeValue(forKey: "text")?.objectValue ?? [:]
    let words = data.merging(text) { first, _ in first }.filter { !left.contains($0.key) }
      .sorted { $0.key < $1.key }.map { key, value in
        let time = times.contains(key) ? value.integerValue : nil
        let local = time.map { LocalTime.text(Timestamp(milliseconds: $0)) }
        let shown = (local ?? value.stringValue ?? value.canonicalText).safe()
        return "\(key)=\(shown.count > valueMax ? shown.prefix(valueMax) + "…" : shown)"
      }
    // Everything except the data.
    let columns = AuditTable.row(event).dropLast()
    return [
      columns[0], LocalTime.text(event["time"]) ?? columns[1], columns[2], columns[3].safe(),
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
