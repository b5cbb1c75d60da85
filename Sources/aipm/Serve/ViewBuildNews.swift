import Projections
import Synchronization
import Terminal

/// Reports on standard error that the server builds views before it starts, and the progress.
final class ViewBuildNews: Sendable {
  /// The interval of progress messages.
  private static let interval = Duration.seconds(2)

  private let last = Mutex<ContinuousClock.Instant?>(nil)

  /// For the store, as its observer.
  func take(_ build: ViewBuild) {
    let now = ContinuousClock.now
    last.withLock { last in
      guard let before = last else {
        last = now
        let views = build.views.map(\.rawValue).joined(separator: ", ")
        let events = Terminal.grouped(Int(build.events))
        return Terminal.complain("aipm: building views from \(events) events: \(views)")
      }
      guard now - before >= Self.interval else { return }
      last = now
      Terminal.complain(
        "aipm: \(Terminal.grouped(build.folded)) of \(Terminal.grouped(Int(build.events))) events")
    }
  }
}
