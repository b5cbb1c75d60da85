/// Times as mail and HTTP write them.
package enum InternetDate {
  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// `Sun, 29 Nov 2026 10:30:45 +0000` (RFC 5322, section 3.3).
  /// - Parameter milliseconds: since 1970-01-01T00:00:00Z; a time before is written as that.
  package static func mail(_ milliseconds: Int64) -> String {
    let seconds = max(0, milliseconds) / 1000
    // 1970-01-01 was a Thursday.
    let weekday = days[Int(seconds / 86_400 % 7)]
    let parts = ISO8601.text(seconds: seconds).split { !$0.isNumber }
    let month = Int(parts[1]).map { months[$0 - 1] } ?? months[0]
    return "\(weekday), \(parts[2]) \(month) \(parts[0]) \(parts[3]):\(parts[4]):\(parts[5]) +0000"
  }

  /// Reads `Sun, 29 Nov 2026 10:30:45 GMT`, the form that RFC 9110 (section 5.6.7) has HTTP write.
  /// - Returns: milliseconds since 1970-01-01T00:00:00Z; nil if the text has another form.
  package static func http(_ text: String) -> Int64? {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT", parts[1].count == 2,
      let month = months.firstIndex(of: String(parts[2]))
    else { return nil }
    let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
    return ISO8601.milliseconds("\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
  }
}
