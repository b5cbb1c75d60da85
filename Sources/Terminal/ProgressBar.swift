import Glibc
import Synchronization

/// A progress bar on one line of the terminal, erased at the end. Any thread may draw it.
package final class ProgressBar: Sendable {
  private static let silentFor = Duration.milliseconds(500)
  private static let interval = Duration.milliseconds(100)
  private static let cells = 24

  /// The unit of the count, such as "events".
  private let unit: String
  private let total: Int64?
  private let started: ContinuousClock.Instant
  private let isShown: Bool
  private let drawing: Mutex<Drawing>

  private struct Drawing {
    /// It is not drawn again before.
    var next: ContinuousClock.Instant
    var isDrawn = false
  }

  /// - Parameters:
  ///   - total: nil if it is not known.
  ///   - isShown: by default, if standard error is a terminal.
  package init(
    _ unit: String, total: Int64?, started: ContinuousClock.Instant = .now,
    isShown: Bool = isatty(STDERR_FILENO) == 1
  ) {
    self.unit = unit
    self.total = total
    self.started = started
    self.isShown = isShown
    drawing = Mutex(Drawing(next: started + Self.silentFor))
  }

  /// Redraws the bar, at most ten times a second.
  package func show(_ done: Int) {
    guard isShown else { return }
    let now = ContinuousClock.now
    drawing.withLock { drawing in
      guard now >= drawing.next else { return }
      drawing.next = now + Self.interval
      drawing.isDrawn = true
      let line = Self.line(unit, done: done, of: total, after: now - started)
      Terminal.write(
        "\r\u{1b}[K" + line.prefix(Terminal.width(of: STDERR_FILENO) - 1), to: STDERR_FILENO)
    }
  }

  /// Erases the bar.
  package func end() {
    drawing.withLock { drawing in
      if drawing.isDrawn { Terminal.write("\r\u{1b}[K", to: STDERR_FILENO) }
      drawing.isDrawn = false
    }
  }

  /// `[████████░░░░]  33 %  1,234 of 3,702 events, 617/s, 4 s left`
  package static func line(
    _ unit: String, done: Int, of total: Int64?, after span: Duration
  ) -> String {
    let rate = Double(done) / max(span.seconds, 1e-6)
    var text = ""
    if let total, total > 0 {
      let part = min(1, Double(done) / Double(total))
      let full = Int(part * Double(cells))
      let bar =
        String(repeating: "█", count: full) + String(repeating: "░", count: cells - full)
      text = "[\(bar)] \(Int(part * 100)) %  \(Terminal.grouped(done)) of "
      text += "\(Terminal.grouped(Int(total))) \(unit), \(Terminal.grouped(Int(rate)))/s"
      if rate > 0 {
        let left = max(0, Double(total) - Double(done)) / rate
        text += ", \(Int(left.rounded(.up))) s left"
      }
      return text
    }
    return text + "\(Terminal.grouped(done)) \(unit), \(Terminal.grouped(Int(rate)))/s"
  }
}
