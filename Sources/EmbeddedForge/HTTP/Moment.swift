// Times as the API writes and reads them.

import FoundationEssentials

enum Moment {
  /// `2026-11-23T12:00:00Z`, in whole seconds, as GitHub writes all its times.
  static func text(_ seconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
  }

  static func json(_ seconds: Int64?) -> JSON { JSON(seconds.map(text)) }

  /// Reads ISO 8601 with `Z` or an offset; fractions of a second are dropped.
  /// - Returns: seconds since 1970, and minutes east of Greenwich; nil where it is no such time.
  static func parse(_ text: String) -> (seconds: Int64, offset: Int)? {
    var text = text
    if let point = text.firstIndex(of: ".") {
      let digits = text[text.index(after: point)...].prefix { $0.isNumber }
      text.removeSubrange(point..<digits.endIndex)
    }
    guard let date = try? Date(text, strategy: .iso8601) else { return nil }
    let seconds = Int64(date.timeIntervalSince1970.rounded())
    guard !text.hasSuffix("Z") else { return (seconds, 0) }
    let zone = text.suffix(6).filter { $0 != ":" }
    guard let sign = zone.firstIndex(where: { $0 == "+" || $0 == "-" }),
      let value = Int(zone[sign...])
    else { return (seconds, 0) }
    return (seconds, value / 100 * 60 + value % 100)
  }
}
