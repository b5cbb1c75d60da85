import Domain
import EventLog
import Text

/// Events as rows: of a CSV file (RFC 4180), and of a table for people.
package enum AuditTable {
  package static let titles = [
    "position", "time", "type", "stream", "version", "actorKind", "actor", "data",
  ]

  /// One row in the order of `titles`, from an envelope. The data of an unreadable event is the
  /// reason.
  package static func row(_ envelope: JSONValue) -> [String] {
    func cell(_ value: JSONValue) -> String { value.stringValue ?? value.canonicalText }
    let unreadable = envelope["unreadable"]
    return [
      cell(envelope["position"]), cell(envelope["time"]), cell(envelope["type"]),
      cell(envelope["stream"]), cell(envelope["version"]), cell(envelope["actor"]["kind"]),
      cell(envelope["actor"]["name"]),
      (unreadable == .null ? envelope["data"] : unreadable).canonicalText,
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
