import Domain
import EventLog
import Logging
import Projections
import SystemCalls

/// All receivers of a server, each with its follower.
package struct DeliveryService: Sendable {
  private let followers: [LogFollower]

  /// Reads the receivers' positions. Receivers without one begin at the present head, so this is
  /// called before the events of which they are to be sent.
  /// - Parameters:
  ///   - folder: of the positions; it exists, and nothing else is in it.
  ///   - shared: the files that all servers of the store share; nil: none. The positions are there,
  ///     too, so after a takeover the next server goes on where this one was.
  ///   - now: the clock of the log.
  /// - Throws: `DeliveryFault` if the folder cannot be read; `StoreFault` if the log cannot.
  package static func prepare(
    _ receivers: [any DeliveryReceiver], folder: String, shared: (any SharedFiles)? = nil,
    store: any EventStore & LogReader,
    feed: any CommitFeed, metrics: DeliveryMetrics, now: @escaping @Sendable () -> Timestamp,
    logger: Logger
  ) async throws -> DeliveryService {
    let positions = DeliveryPositions(folder: folder, shared: shared)
    try positions.forget(allBut: Set(receivers.map(\.key)))
    do {
      try await positions.forgetShared(allBut: Set(receivers.map(\.key)))
    } catch {
      logger.error("positions of receivers that are gone are kept: \(error)")
    }
    let head = try await store.head().position
    var followers: [LogFollower] = []
    for receiver in receivers {
      let known: Int64?
      do throws(DeliveryFault) {
        known = try await positions.last(receiver.key)
      } catch {
        // A side file must not keep the server from starting.
        logger.error("\(receiver.name) begins with the next event: \(error)")
        known = nil
      }
      // A log that was restored from a backup may end before the position.
      let start = min(known ?? head, head)
      if start != known || shared != nil {
        do {
          try await positions.keep(start, for: receiver.key)
        } catch {
          logger.error("the position of \(receiver.name) cannot be written: \(error)")
        }
      }
      followers.append(
        LogFollower(
          receiver: receiver, store: store, feed: feed, positions: positions, metrics: metrics,
          now: now, logger: logger, start: start))
    }
    return DeliveryService(followers: followers)
  }

  /// Sends until the task is cancelled.
  package func run() async {
    await withTaskGroup(of: Void.self) { group in
      for follower in followers { group.addTask { await follower.run() } }
    }
  }
}
