import FoundationEssentials
import Glibc

/// Lines for people and programs.
enum Output {
  static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }
  static func error(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

  static func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      // Nobody reads any more, so there is nobody to tell.
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// `1,234,567`
  static func grouped(_ n: Int) -> String {
    let digits = String(abs(n))
    var out = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { out.append(",") }
      out.append(digit)
    }
    return n < 0 ? "-" + out : out
  }

  /// `12.3`
  static func tenths(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  /// Columns under their titles, each as wide as its widest cell.
  static func table(_ titles: [String], _ rows: [[String]]) {
    let widths = titles.indices.map { column in
      ([titles] + rows).map { $0[column].count }.max() ?? 0
    }
    for row in [titles] + rows {
      let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
      var text = cells.joined(separator: "  ")
      while text.last == " " { text.removeLast() }
      line(text)
    }
  }

  /// A value as JSON, keys sorted.
  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    line(String(decoding: try encoder.encode(value), as: UTF8.self))
  }
}

/// How far a long replay is, on one line of a terminal.
struct Progress {
  private static let silentFor = Duration.seconds(2)
  private static let interval = Duration.milliseconds(500)
  private static let eventsBetweenLooks = 4096

  private let total: Int64?
  private let started: ContinuousClock.Instant
  private let isShown = isatty(STDERR_FILENO) == 1
  private var next: ContinuousClock.Instant
  private var isDrawn = false

  init(total: Int64?, started: ContinuousClock.Instant) {
    self.total = total
    self.started = started
    next = started + Self.silentFor
  }

  mutating func show(_ events: Int) {
    guard isShown, events.isMultiple(of: Self.eventsBetweenLooks) else { return }
    let now = ContinuousClock.now
    guard now >= next else { return }
    next = now + Self.interval
    isDrawn = true
    var text = "\r\u{1b}[K\(Output.grouped(events))"
    if let total, total > 0 {
      text += " of \(Output.grouped(Int(total))) (\(events * 100 / Int(total)) %)"
    }
    let seconds = (now - started).seconds
    text += " events, \(Output.grouped(Int(Double(events) / seconds)))/s"
    Output.write(text, to: STDERR_FILENO)
  }

  func end() {
    if isDrawn { Output.write("\r\u{1b}[K", to: STDERR_FILENO) }
  }
}

extension Duration {
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
