import Domain
import EventLog
import Logging
import Projections
import SystemCalls

/// Sends one receiver what the log has for it, from its position on.
struct LogFollower: Sendable {
  typealias Store = any EventStore & LogReader

  let receiver: any DeliveryReceiver
  let store: Store
  let feed: any CommitFeed
  let positions: DeliveryPositions
  let metrics: DeliveryMetrics
  let now: @Sendable () -> Timestamp
  let logger: Logger
  /// Where it begins.
  let start: Int64

  /// The events that are read at once.
  private static let pageLength = 200
  /// How far the position may be behind if the receiver wants none of the events.
  private static let unsavedMax: Int64 = 1000
  /// Between two looks at the log: a busy log is not read for each of its commits.
  private static let pause = Duration.milliseconds(50)
  /// After the log could not be read.
  private static let readBackoff = Backoff(first: .seconds(1), maximum: .seconds(60))

  private struct Progress {
    var position: Int64
    var saved: Int64
    var isFailing = false
    var isSaveFailing = false
    var readFailures = 0
    var isGone = false
    /// When the receiver refused the first event since it took one.
    var refusedSince: Timestamp?
  }

  /// Runs until the task is cancelled, or the receiver is gone.
  func run() async {
    let began = now()
    var progress = Progress(position: start, saved: start)
    // Before the first look, so that no commit falls between.
    var signals = feed.signals().makeAsyncIterator()
    metrics.set(receiver, .working)
    repeat {
      await catchUp(&progress, began)
      try? await Task.sleep(for: Self.pause)
      guard !progress.isGone, !Task.isCancelled else { return }
    } while await signals.next() != nil
  }

  /// Goes on to the head of the log.
  private func catchUp(_ progress: inout Progress, _ began: Timestamp) async {
    while !Task.isCancelled, !progress.isGone {
      do throws(StoreFault) {
        let page = try await store.read(after: progress.position, limit: Self.pageLength)
        for event in page {
          try await take(event, &progress, began)
          if Task.isCancelled || progress.isGone { return }
          progress.position = event.position
        }
        progress.readFailures = 0
        if progress.position - progress.saved >= Self.unsavedMax { await save(&progress) }
        if page.count < Self.pageLength { return }
      } catch {
        // The log is closed when the server stops.
        if Task.isCancelled { return }
        progress.readFailures += 1
        if progress.readFailures == 1 {
          logger.error("\(receiver.name) waits, for the log cannot be read: \(error)")
        }
        let wait = Self.readBackoff.delay(after: progress.readFailures, seed: receiver.key)
        try? await Task.sleep(for: .milliseconds(wait.count))
      }
    }
  }

  /// Sends an event if the receiver wants it. Returns when that is done or given up.
  private func take(
    _ stored: StoredEvent, _ progress: inout Progress, _ began: Timestamp
  ) async throws(StoreFault) {
    guard let type = EventType(rawValue: Int(stored.type)), receiver.wants(type) else { return }
    // An event that cannot be decoded is in quarantine with its stream, which the server reports.
    guard let event = try? stored.recorded() else { return }
    await settle(event)
    // What was not sent before this start has the whole patience again.
    let since = max(event.time, began)
    var (failures, isLast) = (0, false)
    while !Task.isCancelled {
      let result = try await receiver.deliver(event)
      let end: (reason: String, patience: Milliseconds, after: Milliseconds?)
      switch result {
      case .skipped: return
      case .accepted:
        metrics.count(receiver.channel, .accepted)
        recover(&progress)
        return await finish(event, &progress)
      case .gone:
        progress.isGone = true
        metrics.set(receiver, .disabled)
        return logger.warning(
          "\(receiver.name) answered that it is gone: nothing is sent to it until the next start")
      case .failed(let reason, let after): end = (reason, receiver.patience.failing, after)
      case .refused(let reason): end = (reason, receiver.patience.refused, nil)
      }
      // A refusal is counted from the first one: what has waited for long gets no less of it.
      var limit = since + end.patience
      if case .refused = result {
        progress.refusedSince = progress.refusedSince ?? now()
        limit = max(limit, (progress.refusedSince ?? since) + end.patience)
      }
      // A call that ended because the server stops says nothing about the receiver.
      if Task.isCancelled { return }
      failures += 1
      metrics.count(receiver.channel, .failed)
      metrics.set(receiver, .failing)
      var wait = max(
        receiver.patience.backoff.delay(after: failures, seed: "\(receiver.key)/\(event.id)"),
        end.after ?? Milliseconds(0))
      // The last try is at the end of the patience, if the receiver wants to wait for longer.
      let left = limit - now()
      if wait > left, left > Milliseconds(0), !isLast { (wait, isLast) = (left, true) }
      guard wait <= left else {
        metrics.count(receiver.channel, .givenUp)
        progress.isFailing = true
        logger.error(
          """
          \(receiver.name) did not take \(event.event.name) at position \(event.position) of \
          \(event.stream), which is given up: \(end.reason)
          """)
        return await finish(event, &progress)
      }
      if !progress.isFailing {
        logger.warning(
          "\(receiver.name) fails, and is tried again: \(end.reason)")
      }
      progress.isFailing = true
      try? await Task.sleep(for: .milliseconds(wait.count))
    }
  }

  private func settle(_ event: RecordedEvent) async {
    let settling = receiver.patience.settling
    let left = min(settling, event.time + settling - now())
    if left > Milliseconds(0) { try? await Task.sleep(for: .milliseconds(left.count)) }
  }

  private func recover(_ progress: inout Progress) {
    if progress.isFailing { logger.notice("\(receiver.name) works again") }
    progress.isFailing = false
    progress.refusedSince = nil
    metrics.set(receiver, .working)
  }

  private func finish(_ event: RecordedEvent, _ progress: inout Progress) async {
    progress.position = event.position
    await save(&progress)
  }

  private func save(_ progress: inout Progress) async {
    do {
      try await positions.keep(progress.position, for: receiver.key)
      progress.saved = progress.position
      progress.isSaveFailing = false
    } catch SharedFileFault.taken {
      // The next server sends what comes now.
      progress.isGone = true
      metrics.set(receiver, .disabled)
      logger.error("\(receiver.name) gets nothing more from here: another server has the log")
    } catch {
      if !progress.isSaveFailing {
        logger.error("the position of \(receiver.name) cannot be written: \(error)")
      }
      progress.isSaveFailing = true
    }
  }
}

extension LogReader {
  /// All events of a stream; nil if one cannot be decoded. The stream is then in quarantine, which
  /// the server reports, and there is nothing to be sent of it.
  func sound(_ stream: StreamName) async throws(StoreFault) -> [RecordedEvent]? {
    var decoded: [RecordedEvent] = []
    for stored in try await events(of: stream) {
      guard let event = try? stored.recorded() else { return nil }
      decoded.append(event)
    }
    return decoded
  }
}
