#if PostgreSQL

import Domain
import EventLog
import Glibc
import PostgreSQL
import Projections
import SQLiteEventStore
import Synchronization
import SystemCalls

/// What a follower knows, as other threads see it.
final class FollowedState: FollowedLog {
  private struct State {
    var active: ActiveServer
    var contradiction: String?
    var readAt = ContinuousClock.now
    var next = 0
    var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
  }
  private let state: Mutex<State>

  init(_ active: ActiveServer) { state = Mutex(State(active: active)) }

  var active: ActiveServer { state.withLock { $0.active } }
  var contradiction: String? { state.withLock { $0.contradiction } }

  var lag: Duration { state.withLock { .now - $0.readAt } }

  /// All of the log was read.
  func hasRead() { state.withLock { $0.readAt = .now } }

  func take(_ active: ActiveServer) {
    signal { state in
      guard state.active != active else { return false }
      state.active = active
      return true
    }
  }

  func take(contradiction: String?) {
    signal { state in
      guard state.contradiction != contradiction else { return false }
      state.contradiction = contradiction
      return true
    }
  }

  private func signal(_ change: (inout State) -> Bool) {
    let watchers = state.withLock { state in
      change(&state) ? Array(state.watchers.values) : []
    }
    for watcher in watchers { watcher.yield() }
  }

  func changes() -> AsyncStream<Void> {
    let (stream, signal) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let key = state.withLock { state in
      state.next += 1
      state.watchers[state.next] = signal
      return state.next
    }
    signal.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.watchers.removeValue(forKey: key) }
    }
    return stream
  }
}

/// Reads what another server appends: for the event streams of this one, and as a witness. It
/// checks the hash of every event that comes, so a log that was rewritten is noticed at the next
/// look, a second later at the latest. Events that were read and not confirmed may be replaced. It
/// is used on one thread.
final class FollowedLogThread {
  private static let lookInterval: Duration = .seconds(1)
  private static let reportInterval: Duration = .seconds(1)
  private static let stopIntervalMs = 100
  private static let retryPauseMs = 200
  private static let chunkLength = 500
  /// Further behind, it does not read each event.
  private static let behindMax: Int64 = 20_000

  private let place: PostgreSQLPlace
  private let address: String
  private let followed: FollowedState
  private let status: PostgreSQLStatus
  private let feed: LocalCommitFeed
  private let headFile: HeadFile?
  private var check: ChainCheck
  private var session: PostgreSQLConnection?
  private var lookedAt: ContinuousClock.Instant?
  /// The session that reports, and what was reported and not confirmed yet.
  private var reporter: PostgreSQLConnection?
  private var reported: LogHead?
  private var reportedAt: ContinuousClock.Instant?
  /// The last head that a synchronous commit has confirmed.
  private var confirmed: LogHead

  /// - Throws: `NoLog`, `PostgreSQLSessionFault`, `PostgreSQLError` or `FileFault`.
  init(_ place: PostgreSQLPlace, _ options: StoreOptions, feed: LocalCommitFeed) throws {
    self.place = place
    address = options.address
    self.feed = feed
    let session = try Self.begin(place)
    guard let (active, head) = try KnownServers.active(session) else {
      throw NoLog(description: "there is no log in \(place.address)")
    }
    headFile = try place.headPath.map { path throws(FileFault) in try HeadFile(path: path) }
    let fault = try headFile?.found.fault(endingAt: head, store: "database") {
      try LogRows.hash(at: $0, in: session)
    }
    followed = FollowedState(active)
    followed.take(contradiction: options.acceptsRestore ? nil : fault)
    status = PostgreSQLStatus(
      head: head, stopped: nil, acceptedRestore: nil, epoch: active.epoch)
    check = ChainCheck(after: head)
    confirmed = if case .head(let known) = headFile?.found { known } else { .empty }
    self.session = session
  }

  /// What other threads see.
  var shared: (followed: FollowedState, status: PostgreSQLStatus) { (followed, status) }

  private static func begin(_ place: PostgreSQLPlace) throws -> PostgreSQLConnection {
    let session = try PostgreSQLSession.begin(place, for: .following)
    if let refusal = try PostgreSQLSchema.refusal(session) {
      throw PostgreSQLSessionFault.refused(refusal)
    }
    guard try PostgreSQLSchema.exists(in: session) else {
      throw NoLog(description: "there is no log in \(place.address): no schema aipm")
    }
    try session.execute("LISTEN \(PostgreSQLSchema.channel)")
    return session
  }

  /// Follows until the queue is closed.
  func run(until queue: BoundedQueue<PostgreSQLRequest>) {
    while true {
      var isTroubled = false
      do {
        let session = try begun()
        if try session.isNotified(within: .milliseconds(Self.stopIntervalMs)) || isLookDue {
          try look(session)
          lookedAt = .now
          followed.hasRead()
        }
      } catch {
        session = nil
        isTroubled = true
      }
      report()
      let pauseMs = isTroubled ? Self.retryPauseMs : 0
      if case .closed = queue.take(max: 1, timeoutMs: pauseMs) { return }
    }
  }

  /// The session. A new one may have reached another server, so it is looked at once.
  private func begun() throws -> PostgreSQLConnection {
    if let session { return session }
    let next = try Self.begin(place)
    (session, lookedAt) = (next, nil)
    return next
  }

  private var isLookDue: Bool {
    lookedAt.map { ContinuousClock.now - $0 >= Self.lookInterval } ?? true
  }

  // MARK: Reading

  private func look(_ session: PostgreSQLConnection) throws {
    guard let (active, end) = try KnownServers.active(session) else { return }
    if active.epoch != followed.active.epoch,
      let refusal = try PostgreSQLSchema.refusal(session)
    {
      throw PostgreSQLSessionFault.refused(refusal)
    }
    followed.take(active)
    guard followed.contradiction == nil else { return }
    guard let reason = try advanced(to: end, session) else { return }
    // What was read before its confirmation may be lost rightly: nobody was answered for it.
    if check.head != confirmed, try difference(from: confirmed, end, session) == nil {
      check = ChainCheck(after: confirmed)
      return try look(session)
    }
    followed.take(
      contradiction: "the history in \(place.address) was rewritten: \(reason). A database was "
        + "restored, or a server was promoted that did not have all of it")
  }

  /// Reads up to the end of the log.
  /// - Returns: why it is not the log that was read before; nil if it is.
  private func advanced(to end: LogHead, _ session: PostgreSQLConnection) throws -> String? {
    if end.position <= check.head.position || end.position - check.head.position > Self.behindMax {
      if let reason = try difference(from: check.head, end, session) { return reason }
      if end.position > check.head.position { jump(to: end) }
      return nil
    }
    while true {
      let events = try LogRows.after(
        check.head.position, limit: Self.chunkLength, in: session)
      for event in events {
        if let fault = check.take(event) { return fault }
      }
      if !events.isEmpty { publish(events.compactMap(\.stream.name)) }
      guard events.count == Self.chunkLength else { return nil }
    }
  }

  /// Why the log does not continue what this server has read up to there; nil if it does.
  private func difference(
    from known: LogHead, _ end: LogHead, _ session: PostgreSQLConnection
  ) throws -> String? {
    guard known.position > 0 else { return nil }
    if end.position < known.position {
      return "it ends at \(end.position), and this server has read it up to \(known.position)"
    }
    guard try LogRows.hash(at: known.position, in: session) == known.hash else {
      return "event \(known.position) is not the one that this server has read"
    }
    return nil
  }

  private func jump(to head: LogHead) {
    check = ChainCheck(after: head)
    publish([])
  }

  private func publish(_ streams: [StreamName]) {
    let head = check.head
    status.values.withLock { $0.head = head }
    feed.signal(head.position, touching: streams)
  }

  // MARK: Reporting

  /// Writes how far this server has read, once a second. That is a synchronous commit, so all that
  /// was read before is on the standby when it is answered. Only then is the head believed for
  /// ever: a primary that starts again without its standby shows events that nobody has got an
  /// answer for.
  private func report() {
    do {
      if let reported, let reporter {
        guard try reporter.answers(within: .zero) != nil else { return }
        self.reported = nil
        let isFollowing = followed.active.name != place.holder
        if isFollowing, reporter.warning != "01000" { keep(reported) }
      }
      let isDue = reportedAt.map { ContinuousClock.now - $0 >= Self.reportInterval } ?? true
      // After its election, this server's writer does both.
      let isFollowing = followed.active.name != place.holder
      guard isDue, isFollowing, followed.contradiction == nil, session != nil else { return }
      reportedAt = .now
      guard let reporter = reporter ?? (try? PostgreSQLSession.begin(place, for: .following))
      else { return }
      self.reporter = reporter
      // This session may have reached a server that lacks what the other one has read.
      let head = check.head
      guard try head.position == 0 || LogRows.hash(at: head.position, in: reporter) == head.hash
      else { return }
      reporter.forgetWarning()
      try reporter.send([
        KnownServers.put(place, address: address, position: head.position)
      ])
      reported = head
    } catch {
      (reporter, reported) = (nil, nil)
    }
  }

  private func keep(_ head: LogHead) {
    guard let headFile else { return }
    do throws(FileFault) {
      if head != confirmed { try headFile.write(head) }
      confirmed = head
      place.acceptance.end()
    } catch {
      // The file is written again a second later. Until then it is only behind.
    }
  }
}

#endif
