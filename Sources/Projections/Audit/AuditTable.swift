import Domain
import EventLog
import Text

/// Events as rows: of a CSV file (RFC 4180), and of a table for people.
package enum AuditTable {
  package static let titles = [
    "position", "time", "type", "stream", "version", "actorKind", "actor", "data",
  ]

  /// One row in the order of `titles`.
  package static func row(_ event: RecordedEvent) -> [String] {
    let data = event.json.objectValue?["data"] ?? .object([:])
    return [
      String(event.position), event.time.iso8601, event.event.name, event.stream.description,
      String(event.version), event.actor.kind.rawValue, event.actor.name, data.canonicalText,
    ]
  }

  /// A line of CSV with its end. A text that a spreadsheet would take for a formula is made
  /// harmless by an apostrophe.
  package static func line(_ cells: [String]) -> String {
    let quoted = cells.map { cell -> String in
      let isFormula = cell.first.map { "=+-@\t\r".contains($0) } ?? false
      let harmless = isFormula ? "'" + cell : cell
      guard harmless.utf8.contains(where: { "\",\r\n".utf8.contains($0) }) else { return harmless }
      return "\"" + harmless.replacing("\"", with: "\"\"") + "\""
    }
    return quoted.joined(separator: ",") + "\r\n"
  }
}
