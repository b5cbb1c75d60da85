#if PostgreSQL

import EventLog
import PostgreSQL
import Projections
import Synchronization

/// What the log waits for: the answer of a commit that the server has not given in time, because
/// its standby is absent. Nothing else is written until then.
struct ReplicaWait {
  /// What the answer is to.
  enum Question {
    /// The COMMIT of a batch.
    case commit
    /// A synchronous commit after it, on another session.
    case barrier
  }

  /// What the head must be.
  var expected: PostgreSQLWriter.Expectation
  /// nil while no server could be reached.
  var session: WriterSession?
  var question: Question
  /// What the writer knows if the batch is in the log.
  var after: PostgreSQLWriter.Knowledge?
  var results: [Result<[RecordedEvent], AppendFault>] = []
  /// When the next session is begun, without one.
  var nextTry = ContinuousClock.now
  /// When is looked for a server that was promoted meanwhile.
  var nextLook = ContinuousClock.now
}

extension AppendFault {
  /// The answer of a commit is missing, because no standby has confirmed it.
  package static var logWaitsForReplica: AppendFault { .unavailable(waitsForReplica) }
  static let waitsForReplica =
    "the log waits for its replica, or for the disk of PostgreSQL, and goes on by itself"
  /// No server could be reached in time. Nothing is in the log.
  static var noServer: AppendFault { .unavailable("no PostgreSQL server can be reached") }
}

extension PostgreSQLWriter {
  /// How often is looked for the answer.
  static let answerIntervalMs = 50
  private static let retryInterval: Duration = .milliseconds(500)
  private static let lookInterval: Duration = .seconds(2)

  /// Begins to wait. What was prepared is kept with `keep`.
  /// - Returns: the fault of those who wait for the batch.
  func wait(
    for question: ReplicaWait.Question, on session: WriterSession, _ expected: Expectation
  ) -> AppendFault {
    lastIdentity = session.identity
    self.session = nil
    waiting = ReplicaWait(expected: expected, session: session, question: question)
    status.values.withLock { $0.isWaiting = true }
    return .logWaitsForReplica
  }

  /// Looks for the answer, without waiting for it.
  /// - Returns: whether the log waits no longer. It may have stopped instead.
  func hasReplica() -> Bool {
    guard let wait = waiting else { return true }
    do {
      guard let session = wait.session else {
        if ContinuousClock.now >= wait.nextTry {
          let next = try WriterSession(place, ending: lastIdentity)
          lastIdentity = next.identity
          try next.beginConfirming(epoch: epoch)
          waiting?.session = next
          waiting?.question = .barrier
        }
        return false
      }
      switch wait.question {
      case .commit:
        switch try session.answer(within: .zero) {
        case .waiting: lookForPromotion(session)
        case .committed:
          self.session = session
          end(wait, isCommitted: true)
        // The barrier decides.
        case .unconfirmed, .fenced: askAgain()
        }
      case .barrier:
        switch try session.confirmed(within: .zero) {
        case .waiting: lookForPromotion(session)
        case .head(let found):
          end(wait, isCommitted: try judge(found, wait.expected, session))
        }
      }
    } catch is AppendFault {
      // The writer has stopped.
      end(wait, isCommitted: false)
    } catch {
      if let session = wait.session, let error = error as? PostgreSQLError, !error.isLost,
        wait.question == .commit
      {
        // The server refused the batch, and nothing is in the database.
        session.rollBack()
        self.session = session
        end(wait, isCommitted: false)
      } else {
        askAgain()
      }
    }
    return waiting == nil
  }

  /// A primary that was replaced may never get a standby again, so its answer is not waited for if
  /// another host has been promoted.
  private func lookForPromotion(_ session: WriterSession) {
    guard let wait = waiting, place.address.hosts.count > 1, ContinuousClock.now >= wait.nextLook
    else { return }
    let newest = PostgreSQLSession.newestTimeline(place) ?? 0
    waiting?.nextLook = .now + Self.lookInterval
    if newest > session.timeline { askAgain() }
  }

  /// The session is of no more use: the next one asks.
  private func askAgain() {
    waiting?.session = nil
    waiting?.nextTry = .now + Self.retryInterval
  }

  private func end(_ wait: ReplicaWait, isCommitted: Bool) {
    waiting = nil
    status.values.withLock { $0.isWaiting = false }
    guard isCommitted, let after = wait.after else { return }
    knowledge = after
    // The callers were refused with an unknown outcome. The observers see the events now.
    committed(wait.results, to: after.sealer.head)
  }
}

#endif
