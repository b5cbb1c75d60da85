import Domain
import EventLog
import Logging
import Projections
import Server
import Workflows

/// Removes outputs and texts of delegations that ended long ago, by the operator's policy. Hashes
/// and facts stay; the log records each removal of text.
struct Retention: Sendable {
  /// How long outputs and texts are kept after the end of a delegation; nil: for ever.
  var output: Milliseconds?
  var words: Milliseconds?

  private static let interval = Duration.seconds(3600)
  private static let batch = 200
  private static let actor = Actor(kind: .system, name: "retention")

  /// Runs now, and every hour until the task is cancelled.
  func run(_ store: any EventStore & ReadModels, _ server: Server, _ logger: Logger) async {
    guard output != nil || words != nil else { return }
    while !Task.isCancelled {
      let now = SystemClock.wall()
      do {
        if let words {
          try await expireWords(before: now + Milliseconds(-words.count), words, in: store)
        }
        if let output {
          try await server.expireOutputs(endedBefore: now + Milliseconds(-output.count))
        }
      } catch {
        logger.error("what is older than its policy allows could not be removed: \(error)")
      }
      try? await Task.sleep(for: Self.interval)
    }
  }

  private func expireWords(
    before end: Timestamp, _ span: Milliseconds, in store: any EventStore & ReadModels
  ) async throws {
    while !Task.isCancelled {
      let positions = try await store.texts(endedBefore: end, limit: Self.batch)
      if positions.isEmpty { return }
      _ = try await store.redact(
        positions, reason: "kept for \(Quantity.text(span)), as configured",
        by: Self.actor)
    }
  }
}
