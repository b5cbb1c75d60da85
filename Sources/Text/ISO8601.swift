/// Times in UTC as text (RFC 3339). Days are counted by Howard Hinnant's algorithms
/// (https://howardhinnant.github.io/date_algorithms.html), which need no calendar library.
package enum ISO8601 {
  private static let millisecondsOfDay: Int64 = 86_400_000
  /// The most bytes that `write` writes: a year of twelve digits and a sign.
  package static let bytesMax = 36

  /// `2026-11-23T12:00:00.123Z`.
  /// - Parameter milliseconds: since 1970-01-01T00:00:00Z.
  package static func text(_ milliseconds: Int64) -> String {
    String(unsafeUninitializedCapacity: bytesMax) { out in
      guard let start = out.baseAddress else { return 0 }
      return write(milliseconds, to: start)
    }
  }

  /// `2026-11-23T12:00:00Z`.
  /// - Parameter seconds: since 1970-01-01T00:00:00Z.
  package static func text(seconds: Int64) -> String { text(seconds * 1000).dropLast(5) + "Z" }

  /// Writes what `text` returns. Only a corrupt log contains years beyond 0000–9999; they are
  /// written with all their digits.
  /// - Parameter out: must have room for `bytesMax` bytes.
  /// - Returns: the number of written bytes.
  package static func write(_ milliseconds: Int64, to out: UnsafeMutablePointer<UInt8>) -> Int {
    let parts = milliseconds.quotientAndRemainder(dividingBy: millisecondsOfDay)
    let day = parts.remainder < 0 ? parts.quotient - 1 : parts.quotient
    let rest = parts.remainder < 0 ? parts.remainder + millisecondsOfDay : parts.remainder
    let (year, month, dayOfMonth) = civil(fromDays: day)
    var at = 0
    @inline(__always) func put(_ n: Int64, _ separator: Unicode.Scalar?) {
      let n = UInt32(truncatingIfNeeded: n)
      out[at] = UInt8(truncatingIfNeeded: 0x30 + n / 10)
      out[at + 1] = UInt8(truncatingIfNeeded: 0x30 + n % 10)
      at += 2
      guard let separator else { return }
      out[at] = UInt8(ascii: separator)
      at += 1
    }
    if (0...9999).contains(year) {
      put(year / 100, nil)
      put(year % 100, nil)
    } else {
      for byte in String(year).utf8 {
        out[at] = byte
        at += 1
      }
    }
    out[at] = UInt8(ascii: "-")
    at += 1
    put(month, "-")
    put(dayOfMonth, "T")
    put(rest / 3_600_000, ":")
    put(rest / 60_000 % 60, ":")
    put(rest / 1000 % 60, ".")
    let thousandths = UInt32(truncatingIfNeeded: rest % 1000)
    out[at] = UInt8(truncatingIfNeeded: 0x30 + thousandths / 100)
    at += 1
    put(Int64(thousandths % 100), "Z")
    return at
  }

  /// Reads `2026-11-23T12:00:00.123Z`. The fraction, the seconds, or the `T` and the whole time of
  /// day may be absent.
  /// - Returns: milliseconds since 1970-01-01T00:00:00Z; nil if the text is invalid or its day does
  ///   not exist.
  package static func milliseconds(_ text: some StringProtocol) -> Int64? {
    let halves = text.split(separator: "T", omittingEmptySubsequences: false)
    guard halves.count <= 2, let date = numbers(halves[0], "-", [4, 2, 2]) else { return nil }
    var rest: Int64 = 0
    if halves.count == 2 {
      guard halves[1].hasSuffix("Z"), let time = timeOfDay(halves[1].dropLast()) else { return nil }
      rest = time
    }
    let (year, month, day) = (date[0], date[1], date[2])
    guard (1...12).contains(month), (1...31).contains(day) else { return nil }
    let days = self.days(year, month, day)
    guard civil(fromDays: days) == (year, month, day) else { return nil }
    return days * millisecondsOfDay + rest
  }

  /// Reads a time with `Z` or an offset such as `+02:00`. Fractions of a second are dropped.
  /// - Returns: seconds since 1970-01-01T00:00:00Z, and minutes east of Greenwich; nil if the text
  ///   is invalid.
  package static func seconds(_ text: String) -> (seconds: Int64, offset: Int)? {
    var time = text
    if let point = text.firstIndex(of: ".") {
      let digits = text[text.index(after: point)...].prefix(while: \.isNumber)
      time.removeSubrange(point..<digits.endIndex)
    }
    guard time.contains("T") else { return nil }
    if time.hasSuffix("Z") { return milliseconds(time).map { ($0 / 1000, 0) } }
    guard let sign = time.lastIndex(where: { $0 == "+" || $0 == "-" }) else { return nil }
    let digits = time[sign...].dropFirst().filter { $0 != ":" }
    guard digits.count == 4, let value = Int(digits),
      let local = milliseconds(time[..<sign] + "Z")
    else { return nil }
    let offset = (value / 100 * 60 + value % 100) * (time[sign] == "-" ? -1 : 1)
    return (local / 1000 - Int64(offset) * 60, offset)
  }

  private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let doe = z - era * 146_097
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
    let mp = (5 * doy + 2) / 153
    let month = mp < 10 ? mp + 3 : mp - 9
    return (yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - (153 * mp + 2) / 5 + 1)
  }

  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yoe = y - era * 400
    let doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy
    return era * 146_097 + doe - 719_468
  }

  private static func timeOfDay(_ text: some StringProtocol) -> Int64? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2 else { return nil }
    let widths = parts[0].utf8.count == 5 ? [2, 2] : [2, 2, 2]
    guard let clock = numbers(parts[0], ":", widths), clock[0] < 24, clock[1] < 60 else {
      return nil
    }
    let seconds = clock.count == 3 ? clock[2] : 0
    guard seconds < 60 else { return nil }
    var fraction: Int64 = 0
    if parts.count == 2 {
      guard let digits = numbers(parts[1], ".", [3]) else { return nil }
      fraction = digits[0]
    }
    return ((clock[0] * 60 + clock[1]) * 60 + seconds) * 1000 + fraction
  }

  private static func numbers(
    _ text: some StringProtocol, _ separator: Character, _ widths: [Int]
  ) -> [Int64]? {
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    guard parts.count == widths.count else { return nil }
    var numbers: [Int64] = []
    for (part, width) in zip(parts, widths) {
      let isDigits = part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard part.utf8.count == width, isDigits, let n = Int64(part) else { return nil }
      numbers.append(n)
    }
    return numbers
  }
}

/// Durations for people; the page writes them in the same way.
package enum TimeSpan {
  private static let units: [Character: Int64] = [
    "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
  ]

  /// Reads `30s`, `10m`, `24h` or `7d`; nil if the text is invalid.
  package static func milliseconds(_ text: String) -> Int64? {
    guard let unit = text.last.flatMap({ units[$0] }), let n = Int64(text.dropLast()), n >= 0,
      n < 1 << 31
    else { return nil }
    return n * unit
  }

  /// `35 ms`, `2.3 s`, `12 s`, `3 min 4 s`, `2 h 5 min`, `4 d 3 h`; `0 ms` if negative.
  package static func text(milliseconds: Int64) -> String {
    let ms = max(0, milliseconds)
    let seconds = ms / 1000
    switch ms {
    case ..<1000: return "\(ms) ms"
    case ..<10_000: return "\(seconds).\(ms % 1000 / 100) s"
    case ..<60_000: return "\(seconds) s"
    case ..<3_600_000: return "\(seconds / 60) min \(seconds % 60) s"
    case ..<86_400_000: return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
    default: return "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h"
    }
  }
}
