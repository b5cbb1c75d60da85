import ArgumentParser
import Domain
import EventLog
import Projections
import SystemCalls
import Terminal
import Text

struct Usage: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sums up what attempts used: tokens, cost and credits, also without a commit.",
    discussion: """
      An attempt counts on the day in UTC on which it ended. A number that no agent reported is \
      unknown and printed as -, not as zero; the column KNOWN says how many attempts reported a \
      cost. NO COMMIT counts attempts that failed, were cancelled, or met a provider's limit.

      Examples:
        aipm usage --by day --since 30d
        aipm usage --by repository --since 2026-10-01 --until 2026-10-31
        aipm usage --by requester --csv > usage.csv
      """)

  enum Grouping: String, CaseIterable, ExpressibleByArgument {
    case repository, requester, agent, day
  }

  @Option(help: "What the sums are of.")
  var by = Grouping.repository
  @Option(
    help: ArgumentHelp(
      "From this day on: a day such as 2026-11-23, or a span such as 30d.", valueName: "time"))
  var since: String?
  @Option(help: ArgumentHelp("Until the end of this day.", valueName: "day"))
  var until: String?
  @Flag(help: "Print CSV.")
  var csv = false
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func validate() throws {
    if csv, output.isJSON { throw ValidationError("--csv and --json are different formats") }
  }

  func run() async throws {
    let answer = try await client.api.get(
      "/api/usage",
      query: [
        ("by", by.rawValue), ("since", try Self.day(since, "--since")),
        ("until", try Self.day(until, "--until")),
      ])
    if output.isJSON { return try await output.print(answer) }
    let items = answer["items"].arrayValue ?? []
    if csv {
      Terminal.put(AuditTable.line([by.rawValue] + Self.columns))
      for item in items {
        Terminal.put(AuditTable.line([item["key"].stringValue ?? ""] + Self.cells(item)))
      }
      return
    }
    guard !items.isEmpty else {
      return Terminal.complain("no attempt has ended\(since == nil ? "" : " since then")")
    }
    var rows = items.map { row($0["key"].safeText ?? "", $0) }
    if items.count > 1 { rows.append(row("total", answer["total"])) }
    Terminal.table(
      [
        by == .day ? "DAY (UTC)" : by.rawValue.uppercased(), "ATTEMPTS", "NO COMMIT", "TOKENS IN",
        "CACHED", "OUT", "CREDITS",
        "COST", "KNOWN",
      ], rows, numbers: 1...8)
  }

  /// A day in UTC; nil if there is no text.
  private static func day(_ text: String?, _ option: String) throws -> String? {
    guard let text else { return nil }
    // A day is one in UTC here, because the sums are of such days.
    if text.utf8.count == 10, let day = Timestamp(iso8601: text) { return day.day }
    return try LocalTime.since(text, option: option).day
  }

  /// The columns of CSV after the first one, in the units of the API.
  private static let columns =
    [
      "attempts", "failedAttempts", "attemptsWithTokens", "attemptsWithCost",
      "attemptsWithCredits", "pushed", "failed",
    ] + UsageFigure.allCases.map(\.field)

  /// An unknown number is empty.
  private static func cells(_ item: JSONValue) -> [String] {
    columns.map { item[$0].integerValue.map { String($0) } ?? "" }
  }

  private func row(_ name: String, _ sum: JSONValue) -> [String] {
    func number(_ field: String) -> String {
      sum[field].integerValue.map { Terminal.grouped(Int($0)) } ?? "-"
    }
    let usage = AgentUsage(json: sum)
    let known =
      sum["attempts"].integerValue == 0
      ? "-" : "\(number("attemptsWithCost")) of \(number("attempts"))"
    return [
      name, number("attempts"), number("failedAttempts"), number("inputTokens"),
      number("cachedTokens"), number("outputTokens"), usage.text(of: .credits) ?? "-",
      usage.text(of: .cost) ?? "-", known,
    ]
  }
}
