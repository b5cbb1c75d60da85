import Domain
import EventLog
import FoundationEssentials
import Projections
import Terminal
import Text

/// The result of a replay.
struct Report {
  let fold: LogFold
  let isChecked: Bool
  /// Whether the log was folded to its head.
  let isWhole: Bool
  let comparison: Comparison?
  let duration: Duration

  var isSound: Bool { faults.isEmpty && comparison?.isIdentical ?? true }

  var faults: [String] {
    var all = fold.faults
    if isWhole {
      all += fold.unexplainedRedactions.map {
        "the text of event \($0) is gone, and no event of the log records its removal"
      }
    }
    return all + (comparison?.faults ?? [])
  }

  private var eventsPerSecond: Double { Double(fold.events) / max(duration.seconds, 1e-6) }

  func print(view: ViewName?, json: Bool) throws {
    switch (view, json) {
    case (nil, true): try JSONOutput.print(object)
    case (nil, false): printText()
    case (.some(let view), true):
      try JSONOutput.print(
        ViewOutput(
          view: view.rawValue, position: fold.head.position,
          items: fold.projector.rows(of: view).map(\.row)))
      printFaults()
    case (.some(let view), false):
      printTable(view)
      printFaults()
    }
  }

  // MARK: For people

  private func printText() {
    let checked = isChecked ? "hash chain checked" : "not checked"
    Terminal.say(
      "events         \(Terminal.grouped(fold.events)) in \(Terminal.tenths(duration.seconds)) s "
        + "(\(Terminal.grouped(Int(eventsPerSecond)))/s), \(checked)")
    Terminal.say("head           \(fold.head.position) \(Hex.encode(fold.head.hash))")
    let digests = fold.projector.digests
    for view in ViewName.allCases {
      let count = Terminal.grouped(fold.projector.keys(of: view).count)
      Terminal.say("\(view.label)\(digests[view]?.hex ?? "") (\(count) rows)")
    }
    printFaults()
    guard let comparison else { return }
    for difference in comparison.differences { printDifference(difference) }
    if comparison.differing > comparison.differences.count {
      Terminal.say("… and \(comparison.differing - comparison.differences.count) more rows")
    }
    Terminal.say(comparison.isIdentical ? "identical" : "NOT identical")
  }

  private func printFaults() {
    for fault in faults { Terminal.complain("aipm-replay: \(fault)") }
  }

  private func printDifference(_ difference: RowDifference) {
    let last = difference.lastEvent.map { "last changed by event \($0)" } ?? "no event made it"
    Terminal.say("\(difference.key.view.rawValue) \(difference.key): \(last)")
    Terminal.say("  folded: \(difference.folded?.canonicalText ?? "no such row")")
    Terminal.say("  live:   \(difference.live?.canonicalText ?? "no such row")")
  }

  private func printTable(_ view: ViewName) {
    func print<Row: ViewRow>(_ row: Row.Type) {
      let rows = fold.projector.rows(row).sorted(by: Row.view.isListedBefore)
      Terminal.table(
        Row.view.listing.map(\.heading),
        rows.map { row in Row.view.listing.map { $0.text(row) } })
    }
    for type in allViews where type.name == view { print(type) }
  }

  // MARK: For programs

  private var object: ReportOutput {
    ReportOutput(
      events: fold.events, seconds: duration.seconds, eventsPerSecond: eventsPerSecond,
      head: .init(position: fold.head.position, hash: Hex.encode(fold.head.hash)),
      views: Dictionary(
        uniqueKeysWithValues: fold.projector.digests.map { ($0.rawValue, $1.hex) }),
      identical: comparison?.isIdentical,
      differences: (comparison?.differences ?? []).map {
        .init(
          view: $0.key.view.rawValue, row: $0.key.description, folded: $0.folded, live: $0.live,
          lastEvent: $0.lastEvent)
      },
      faults: faults)
  }
}

private struct ReportOutput: Encodable {
  struct Head: Encodable {
    var position: Int64
    var hash: String
  }
  struct Difference: Encodable {
    var view: String
    var row: String
    var folded: JSONValue?
    var live: JSONValue?
    var lastEvent: Int64?
  }
  var events: Int
  var seconds: Double
  var eventsPerSecond: Double
  var head: Head
  var views: [String: String]
  var identical: Bool?
  var differences: [Difference]
  var faults: [String]
}

private struct ViewOutput: Encodable {
  var view: String
  var position: Int64
  var items: [JSONValue]
}
