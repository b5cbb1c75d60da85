import Domain
import EventLog
import Glibc
import SystemCalls
import Terminal
import Text

/// Writes and reads times for people: in the time zone of this machine, or of TZ. All subcommands
/// print times by this; JSON and CSV have them in UTC, as the API does.
enum LocalTime {
  /// `2026-11-23 12:00:05`. Elsewhere than on a terminal, where the zone is not obvious, it
  /// follows: `2026-11-23 12:00:05+01:00`.
  static func text(_ time: Timestamp, withFraction: Bool = false) -> String {
    Terminal.isInteractive ? date(time, withFraction) : zoned(time, withFraction: withFraction)
  }

  /// The same of a time in the API; nil if it is absent.
  static func text(_ value: JSONValue) -> String? {
    value.time.map { text($0) }
  }

  /// With the zone in any case.
  static func zoned(_ time: Timestamp, withFraction: Bool = false) -> String {
    date(time, withFraction) + offset(parts(time))
  }

  /// For a table on a terminal, without the date if it is today.
  static func brief(_ value: JSONValue) -> String? {
    value.time.map { brief($0) }
  }

  private static func brief(_ time: Timestamp) -> String {
    let text = date(time, false)
    return day(time) == day(.now) ? String(text.dropFirst(day(time).count + 1)) : text
  }

  /// `12:00`, with the date if it is another day; nil if it is absent.
  static func minute(_ value: JSONValue) -> String? { brief(value).map { String($0.dropLast(3)) } }

  /// The same of a time.
  static func minute(_ time: Timestamp) -> String { String(brief(time).dropLast(3)) }

  /// `12:00:05`, for a time whose day was said.
  static func clock(_ time: Timestamp) -> String { clock(parts(time)) }

  /// `2026-11-23`.
  static func day(_ time: Timestamp) -> String {
    let parts = parts(time)
    return "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
  }

  private static func date(_ time: Timestamp, _ withFraction: Bool) -> String {
    let fraction = withFraction ? "." + String(1000 + time.milliseconds % 1000).dropFirst() : ""
    return "\(day(time)) \(clock(time))\(fraction)"
  }

  private static func clock(_ parts: tm) -> String {
    [parts.tm_hour, parts.tm_min, parts.tm_sec].map(two).joined(separator: ":")
  }

  /// `+01:00`.
  private static func offset(_ parts: tm) -> String {
    let minutes = Int32(parts.tm_gmtoff / 60)
    return (minutes < 0 ? "-" : "+") + two(abs(minutes) / 60) + ":" + two(abs(minutes) % 60)
  }

  private static func parts(_ time: Timestamp) -> tm {
    var seconds = time_t(time.milliseconds / 1000)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return parts
  }

  private static func two(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }

  /// The time that a text without a zone means here: a day, or `2026-11-23 12:00` with or without
  /// seconds, as this prints it; nil if it is neither.
  private static func local(_ text: String) -> Timestamp? {
    let isDay = text.utf8.count == 10
    let whole = isDay ? text : text.replacing(" ", with: "T", maxReplacements: 1)
    let seconds = whole.utf8.count == 16 ? ":00" : ""
    guard let utc = Timestamp(iso8601: isDay ? text : whole + seconds + "Z") else { return nil }
    var time = time_t(utc.milliseconds / 1000)
    var parts = tm()
    gmtime_r(&time, &parts)
    parts.tm_isdst = -1
    return Timestamp(milliseconds: Int64(mktime(&parts)) * 1000)
  }

  /// Reads what a user writes after `--since`: a span before now, a local day or time, or a time
  /// with its zone.
  /// - Throws: `Failure` that names the option.
  static func since(_ text: String, option: String) throws -> Timestamp {
    if let span = TimeSpan.milliseconds(text) {
      return Timestamp(milliseconds: max(0, Timestamp.now.milliseconds - span))
    }
    if let time = local(text) { return time }
    let whole = text.replacing(" ", with: "T", maxReplacements: 1)
    if let time = Timestamp(iso8601: whole) { return time }
    if let time = ISO8601.seconds(whole) { return Timestamp(milliseconds: time.seconds * 1000) }
    throw Failure(
      "\(option) is \(text.safe()): write a span such as 24h or 7d, a day such as 2026-11-23, or a "
        + "time such as '2026-11-23 12:00' or 2026-11-23T12:00:00Z", code: .usage)
  }
}

extension LocalTime {
  /// Reads what a user writes as the last moment: as `since`, but a day means its end.
  /// - Throws: `Failure` that names the option.
  static func until(_ text: String, option: String) throws -> Timestamp {
    let time = try since(text, option: option)
    // A day is the only form of ten characters. It may have an hour more or less than others.
    guard text.utf8.count == 10, let day = Timestamp(iso8601: text),
      let next = local(Timestamp(milliseconds: day.milliseconds + 86_400_000).day)
    else { return time }
    return Timestamp(milliseconds: next.milliseconds - 1)
  }
}

/// The lines of an output with the times that the server puts before them, which are in UTC.
struct LocalTimeLines {
  private static let timeBytes = "2026-11-23T12:00:00.123Z".utf8.count
  private var isAtLine = true
  /// The last time, for lines that were said at once.
  private var last: (time: ArraySlice<UInt8>, text: [UInt8]) = ([], [])

  /// The next piece of the output, with local times. The server sends a time whole.
  mutating func take(_ piece: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    let lines = piece.split(separator: 0x0a, omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      if index > 0 { out.append(0x0a) }
      let begins = index > 0 || isAtLine
      out += begins ? localized(line) : Array(line)
    }
    if let last = out.last { isAtLine = last == 0x0a }
    return out
  }

  private mutating func localized(_ line: ArraySlice<UInt8>) -> [UInt8] {
    let time = line.prefix(Self.timeBytes)
    guard time.count == Self.timeBytes else { return Array(line) }
    if time == last.time { return last.text + line.dropFirst(Self.timeBytes) }
    var text: String?
    if time.first == UInt8(ascii: "-") {
      // The time is not known.
      text = String(repeating: "-", count: LocalTime.text(.now, withFraction: true).utf8.count)
    } else if let read = Timestamp(iso8601: String(decoding: time, as: UTF8.self)) {
      text = LocalTime.text(read, withFraction: true)
    }
    guard let text else { return Array(line) }
    last = (time, Array(text.utf8))
    return last.text + line.dropFirst(Self.timeBytes)
  }
}
