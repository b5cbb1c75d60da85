#if PostgreSQL

import EventLog
import Glibc
import PostgreSQL
import Projections

/// A session that writes, and how to recognise it in the server's list of processes.
final class WriterSession {
  /// A process of the server. Numbers are reused, so the time of its start belongs to it.
  struct Identity {
    var process: Int64
    var startedAt: String
  }

  /// The result of writing a batch.
  enum Outcome {
    case committed
    /// Another server has claimed the log, or the head is another one.
    case fenced
    /// The server has committed, and may not have waited for its standby.
    case unconfirmed
    /// COMMIT is not answered yet.
    case waiting
  }

  /// What the barrier says.
  enum Confirmation {
    case waiting
    /// nil if the epoch is another one.
    case head(LogHead?)
  }

  let connection: PostgreSQLConnection
  let identity: Identity
  /// The timeline of its server.
  let timeline: Int64
  /// Whether COMMIT was sent and not answered.
  private(set) var isCommitting = false
  /// The epoch that `beginConfirming` asked for.
  private var confirming: Int64 = 0

  /// - Parameter old: a session that is ended first, if the server still has it.
  init(_ place: PostgreSQLPlace, ending old: Identity? = nil) throws(PostgreSQLSessionFault) {
    (connection, timeline) = try PostgreSQLSession.beginOnTimeline(place, for: .writing)
    do throws(PostgreSQLError) {
      if let old {
        // It may hold the head's row until it notices that nobody listens. Without the right to end
        // it, the row's lock is waited for.
        _ = try? connection.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            + "WHERE pid = $1::int AND backend_start::text = $2",
          [.integer(old.process), .text(old.startedAt)])
      }
      let started = try connection.query(
        "SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
      ).first?.text(0)
      identity = Identity(process: connection.announcedProcess, startedAt: started ?? "")
    } catch {
      throw .failed(error)
    }
  }

  /// Writes a batch in one transaction.
  /// - Parameters:
  ///   - time: how long COMMIT is waited for; `answer` goes on with it.
  ///   - beginning: runs while the server begins. It must not use the session.
  ///   - lookUps: what else is looked up in the transaction, after the batch was written. It is
  ///     called while the server works, and must not use the session.
  ///   - meanwhile: runs while the server works. It must not use the session, only what it gets:
  ///     the results of `lookUps`; nil without results.
  /// - Throws: `PostgreSQLError`; if `isCommitting`, the outcome is unknown.
  func write(
    _ batch: LogBatch, _ digests: [ViewName: ViewDigest], epoch: Int64, within time: Duration,
    beginning: () -> Void, lookUps: () -> [PostgreSQLStatement],
    meanwhile: (() throws(PostgreSQLError) -> [PostgreSQLRows]?) throws(PostgreSQLError) -> Void
  ) throws(PostgreSQLError) -> Outcome {
    isCommitting = false
    guard try batch.begin(on: connection, epoch: epoch, meanwhile: beginning) else {
      rollBack()
      return .fenced
    }
    connection.forgetWarning()
    isCommitting = true
    let deadline = ContinuousClock.now + time
    try refusing { () throws(PostgreSQLError) in
      let statements = batch.statements(digests)
      var asked = 0
      let sent = try connection.send(
        statements,
        then: {
          let lookUps = lookUps()
          asked = lookUps.count
          return lookUps
        }, last: PostgreSQLStatement("COMMIT"))
      try meanwhile { () throws(PostgreSQLError) in
        guard sent > 0, sent == asked else { return nil }
        return try connection.results(
          statements.count..<statements.count + sent, within: deadline - .now)
      }
    }
    return try answer(within: deadline - .now)
  }

  /// The answer to COMMIT.
  /// - Throws: as `write`.
  func answer(within time: Duration) throws(PostgreSQLError) -> Outcome {
    let found = try refusing { () throws(PostgreSQLError) in try connection.answers(within: time) }
    guard let found else { return .waiting }
    isCommitting = false
    guard found.last?.tag == "COMMIT" else {
      throw PostgreSQLError(message: "the transaction was rolled back", operation: "COMMIT")
    }
    // Such a warning says that the wait for the standby was cancelled.
    return connection.warning == "01000" ? .unconfirmed : .committed
  }

  /// After an error of a statement the server skips COMMIT.
  private func refusing<T>(
    _ body: () throws(PostgreSQLError) -> T
  ) throws(PostgreSQLError) -> T {
    do throws(PostgreSQLError) {
      return try body()
    } catch {
      if !error.isLost { isCommitting = false }
      throw error
    }
  }

  /// Ends the transaction, if one is open.
  func rollBack() {
    if connection.isUsable, connection.isInTransaction { _ = try? connection.execute("ROLLBACK") }
  }

  /// Asks for the head as the database has it, after every transaction that was begun before by a
  /// server with this epoch. The answer covers all of that: it is a synchronous commit after it.
  /// The row is changed whatever its epoch is: a transaction that changes nothing does not wait for
  /// the standby, and then the claim of another server, or a batch before it, may still be lost.
  func beginConfirming(epoch: Int64) throws(PostgreSQLError) {
    connection.forgetWarning()
    confirming = epoch
    try connection.send([
      PostgreSQLStatement("UPDATE head SET epoch = epoch RETURNING position, hash, epoch")
    ])
  }

  /// The answer to `beginConfirming`.
  func confirmed(within time: Duration) throws(PostgreSQLError) -> Confirmation {
    guard let found = try connection.answers(within: time) else { return .waiting }
    guard connection.warning != "01000" else {
      throw PostgreSQLError(
        message: "the standby did not confirm", operation: "confirm", isLost: true)
    }
    guard let row = found.first?.first, row.integer(2) == confirming else { return .head(nil) }
    return .head(LogHead(position: row.integer(0), hash: row.blob(1)))
  }
}

extension PostgreSQLWriter {
  /// What the head must be after a lost session.
  enum Expectation {
    /// No COMMIT was under way.
    case unchanged(LogHead)
    /// COMMIT was sent and not answered.
    case either(old: LogHead, new: LogHead)
  }

  private static let pauseMinMs: UInt32 = 20
  private static let pauseMaxMs: UInt32 = 500

  /// Writes a batch, on several sessions if need be, until its outcome is known.
  /// - Throws: `PostgreSQLError` if the server refused it and nothing is in the database;
  ///   `AppendFault` if the writer stopped or waits, or no server was reached in time.
  func write(
    _ batch: LogBatch, until deadline: ContinuousClock.Instant, plansAhead: Bool
  ) throws {
    // Planning ahead changes the writer's.
    let digests = digests
    var expected = Expectation.unchanged(batch.old)
    while true {
      var isWaiting = false
      do throws(PostgreSQLError) {
        if let session {
          let outcome = try session.write(
            batch, digests, epoch: epoch, within: replicaPatience, beginning: answerCommitted,
            lookUps: { plansAhead ? takeAhead() : [] },
            meanwhile: { found throws(PostgreSQLError) in
              if plansAhead { try planAhead(found) }
            })
          switch outcome {
          case .committed: return
          case .fenced: break
          case .unconfirmed: expected = .either(old: batch.old, new: batch.new)
          case .waiting: isWaiting = true
          }
        }
      } catch {
        guard error.isLost || error.kind == .readOnly else { throw error }
        if session?.isCommitting ?? false { expected = .either(old: batch.old, new: batch.new) }
      }
      if isWaiting, let session {
        throw wait(for: .commit, on: session, .either(old: batch.old, new: batch.new))
      }
      if try settle(expected) { return }
      guard ContinuousClock.now < deadline else { throw AppendFault.noServer }
      expected = .unchanged(batch.old)
    }
  }

  /// Begins another session, and finds out with it what became of the last one's transaction.
  /// - Returns: whether the new head is in the database.
  /// - Throws: `AppendFault`. The writer has stopped or waits, unless the fault is `.noServer`.
  @discardableResult
  func settle(_ expected: Expectation) throws(AppendFault) -> Bool {
    answerCommitted()
    // A silent server may have used up the time of the batch: the outcome has a time of its own.
    let deadline = ContinuousClock.now + patience
    let old = session?.identity ?? lastIdentity
    lastIdentity = old
    session = nil
    var pauseMs = Self.pauseMinMs
    while true {
      let reason: String
      do {
        let next = try WriterSession(place, ending: old)
        try next.beginConfirming(epoch: epoch)
        switch try next.confirmed(within: replicaPatience) {
        case .head(let found): return try judge(found, expected, next)
        case .waiting: throw wait(for: .barrier, on: next, expected)
        }
      } catch let fault as AppendFault {
        throw fault
      } catch {
        reason = "\(error)"
      }
      guard ContinuousClock.now < deadline else { throw unreached(expected, reason) }
      usleep(pauseMs * 1000)
      pauseMs = min(pauseMs * 2, Self.pauseMaxMs)
    }
  }

  private func unreached(_ expected: Expectation, _ reason: String) -> AppendFault {
    switch expected {
    case .unchanged: return .noServer
    case .either:
      return stop(
        .io(
          """
          the outcome of a commit is unknown, because no server could be asked: \(reason). Start \
          `aipm serve` again when PostgreSQL answers
          """))
    }
  }

  func judge(
    _ found: LogHead?, _ expected: Expectation, _ next: WriterSession
  ) throws -> Bool {
    guard let found else {
      // Whether the events are in the log does not depend on who writes now.
      if case .either(_, let new) = expected,
        try LogRows.hash(at: new.position, in: next.connection) == new.hash
      {
        _ = stop(try fence(next))
        return true
      }
      throw stop(try fence(next))
    }
    let known: LogHead
    switch expected {
    case .unchanged(let head): known = head
    case .either(let old, let new):
      if found == new {
        session = next
        return true
      }
      known = old
    }
    guard found == known else {
      throw stop(.damaged(WriterRecord.loss(of: known, endingAt: found)))
    }
    session = next
    return false
  }

  /// The fault of a server that another one has replaced.
  private func fence(_ session: WriterSession) throws -> AppendFault {
    let row = try session.connection.query("SELECT epoch, claimed_by FROM head").first
    let reason =
      "another server has taken over this log (epoch \(row?.integer(0) ?? 0), "
      + "\(row?.text(1) ?? "unknown"); this one had \(epoch))"
    place.writing.end(.ofServer(reason))
    return .damaged("\(reason): nothing more is written here. Stop this server")
  }
}

#endif
