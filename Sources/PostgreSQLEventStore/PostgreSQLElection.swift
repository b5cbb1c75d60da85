// The election among the servers of a log.
//
// Each server has a session that waits for one advisory lock of the database. The one that gets it
// is the active one: it claims the next epoch (`ClaimedLog`), and the commit of the claim is the
// barrier: it covers all that the server before has committed. The lock only says who may claim;
// the epoch in the row `head` is what keeps a former active server from writing.
//
// The lock passes on at once if the active server dies, since its sessions end with it. If it is
// frozen or cut off, its sessions may go on for hours. So the active one gives a sign of life on
// its session twice a second. The others look at it, and end its sessions if it does not change for
// three seconds by their own clocks.
//
// No epoch reaches the forge. So the active server sends nothing there unless a sign of life was
// confirmed that it sent less than a second ago (`Leadership.isConfirmed`). The clock goes on
// while the machine sleeps.
//
// If the session of the active server is lost, because PostgreSQL was restarted or a standby was
// promoted, the server asks for the lock again. It goes on if it gets the lock and nobody else has
// claimed the log meanwhile. If the database lacks what was acknowledged, it keeps the lock and
// does nothing: it knows what is missing, and another server may not.

#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore
import Synchronization
import SystemCalls

/// A server's part in the election. `win` is called once.
final class PostgreSQLElection: StoreElection {
  /// How often a server that waits looks at the active one.
  private static let lookInterval: Duration = .milliseconds(250)
  private static let retryPauseMs = 100

  private let place: PostgreSQLPlace
  /// Nothing is put into it: its end is what is waited for.
  private let stopping = BoundedQueue<Void>(capacity: 1, takers: 1)

  init(_ place: PostgreSQLPlace) { self.place = place }

  /// See `StoreElection`.
  func win() async throws(StoreFault) -> (any Leadership)? {
    let result = await withCheckedContinuation {
      (caller: CheckedContinuation<Result<PostgreSQLLeadership?, StoreFault>, Never>) in
      let isStarted = startThread { [self] in
        switch elected() {
        case .success((let session, let confirmedAt)?):
          let leadership = PostgreSQLLeadership(place, confirmedAt: confirmedAt)
          caller.resume(returning: .success(leadership))
          leadership.keep(session)
        case .success(nil): caller.resume(returning: .success(nil))
        case .failure(let fault): caller.resume(returning: .failure(fault))
        }
      }
      if !isStarted {
        let fault = StoreFault(operation: "lock", message: "no thread could be started")
        caller.resume(returning: .failure(fault))
      }
    }
    return try result.get()
  }

  /// See `StoreElection`.
  func stop() { stopping.close() }

  /// See `StoreElection`.
  func follow(_ options: StoreOptions) async throws -> FollowedStore {
    try await PostgreSQLEventStore.follow(place, options)
  }

  private var isStopped: Bool {
    if case .closed = stopping.take(max: 1, timeoutMs: 0) { true } else { false }
  }

  /// Waits for the lock.
  /// - Returns: nil after `stop`; a fault if the first session is refused.
  private func elected() -> Result<(LockSession, ContinuousClock.Instant)?, StoreFault> {
    var isFirst = true
    while !isStopped {
      do {
        let session = try LockSession(place)
        isFirst = false
        if try wait(with: session) {
          // A server that was frozen may find an old answer. This one is new.
          let sent = ContinuousClock.now
          try session.beat()
          return .success((session, sent))
        }
      } catch let fault as PostgreSQLSessionFault where isFirst {
        return .failure(StoreFault("lock \(place.address)", fault))
      } catch {
        // The next session may reach a server that works.
        _ = stopping.take(max: 1, timeoutMs: Self.retryPauseMs)
      }
    }
    return .success(nil)
  }

  /// - Returns: false after `stop`.
  private func wait(with session: LockSession) throws -> Bool {
    try session.ask()
    var watch = SilenceWatch()
    var onlooker: PostgreSQLConnection?
    while !isStopped {
      if try session.isGranted(within: Self.lookInterval) { return true }
      let other = try onlooker ?? PostgreSQLSession.begin(place, for: .following)
      onlooker = other
      guard let holder = try LockHolder.find(with: other), !holder.instance.isEmpty else {
        watch = SilenceWatch()
        continue
      }
      if watch.isSilent(holder.sign, at: .now) {
        try holder.end(with: other)
        watch = SilenceWatch()
      }
    }
    // The session waits in the server, and would get the lock although nobody listens.
    if let onlooker {
      try? LockSession.end(process: session.connection.announcedProcess, with: onlooker)
    }
    return false
  }
}

/// The lock of the log, and the thread that keeps it.
final class PostgreSQLLeadership: Leadership {
  /// How often it gives a sign of life.
  private static let beatIntervalMs = 500
  private static let retryPauseMs = 100
  /// So long a confirmation is believed. It is less than the patience of the others, by more than a
  /// request takes until it is sent.
  private static let confirmedFor: Duration = .seconds(1)

  private struct State {
    var confirmedAt: ContinuousClock.Instant
    var lost: String?
    var waiting: [CheckedContinuation<Bool, Never>] = []
  }

  private let place: PostgreSQLPlace
  private let state: Mutex<State>
  private let losing = Ended()
  private let ended = Ended()
  /// Nothing is put into it: its end is what is waited for.
  private let resigning = BoundedQueue<Void>(capacity: 1, takers: 1)

  init(_ place: PostgreSQLPlace, confirmedAt: ContinuousClock.Instant) {
    self.place = place
    state = Mutex(State(confirmedAt: confirmedAt))
  }

  /// See `Leadership`.
  func isConfirmed() async -> Bool {
    await withCheckedContinuation { caller in
      let known: Bool? = state.withLock { state in
        if state.lost != nil || place.writing.end != nil { return false }
        if ContinuousClock.now - state.confirmedAt < Self.confirmedFor { return true }
        state.waiting.append(caller)
        return nil
      }
      if let known { caller.resume(returning: known) }
    }
  }

  /// See `Leadership`.
  func loss() async -> String {
    await losing.wait()
    return state.withLock { $0.lost } ?? ""
  }

  /// See `Leadership`.
  func resign() async {
    resigning.close()
    await ended.wait()
  }

  // MARK: The thread

  /// Gives signs of life until the lock is lost or given up.
  func keep(_ session: LockSession) {
    var session = session
    while true {
      let sent = ContinuousClock.now
      do throws(PostgreSQLError) {
        try session.beat()
        switch place.writing.end {
        case nil: answerWaiting(true, confirmedAt: sent)
        // It keeps the lock, so that no server goes on that knows less.
        case .ofLog: answerWaiting(false)
        case .ofServer(let reason): lose(reason)
        }
        if isLost || isResigning(within: Self.beatIntervalMs) { break }
      } catch {
        guard let next = regained() else { break }
        session = next
      }
    }
    lose("the server has given up its right to write")
    ended.happen()
  }

  private func isResigning(within milliseconds: Int) -> Bool {
    if case .closed = resigning.take(max: 1, timeoutMs: milliseconds) { true } else { false }
  }

  /// The lock on another session, after the one before was lost.
  /// - Returns: nil if another server has taken over, or the right was given up.
  private func regained() -> LockSession? {
    while !isResigning(within: Self.retryPauseMs) {
      do {
        let session = try LockSession(place)
        guard try session.takeFree() else {
          guard let holder = try LockHolder.find(with: session.connection) else { continue }
          guard holder.instance == place.instance else {
            lose("another server has taken over this log: \(holder.name)")
            return nil
          }
          // The session before: its server has not noticed its end.
          try holder.endSession(with: session.connection)
          continue
        }
        guard let active = try KnownServers.active(session.connection)?.server,
          active.name == place.holder
        else {
          lose("another server has taken over this log")
          return nil
        }
        try place.writing.compare(with: session.connection)
        return session
      } catch {
        // Until a server can be reached nothing is confirmed, and nothing is sent to the forge.
        continue
      }
    }
    return nil
  }

  private var isLost: Bool { state.withLock { $0.lost != nil } }

  /// - Parameter sent: when the request was sent that was answered; nil if nothing is confirmed.
  private func answerWaiting(_ mayWrite: Bool, confirmedAt sent: ContinuousClock.Instant? = nil) {
    let waiting = state.withLock { state in
      if let sent { state.confirmedAt = sent }
      defer { state.waiting = [] }
      return state.waiting
    }
    for one in waiting { one.resume(returning: mayWrite) }
  }

  private func lose(_ reason: String) {
    let waiting = state.withLock { state in
      if state.lost == nil { state.lost = reason }
      defer { state.waiting = [] }
      return state.waiting
    }
    for one in waiting { one.resume(returning: false) }
    losing.happen()
  }
}

#endif
