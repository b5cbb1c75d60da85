import Access
import Synchronization

/// The sessions of people who signed in on the page, in memory: a restart of the server ends them.
///
/// A browser holds a session's name in a `SecretCookie`. A session ends after twelve hours without
/// a request, after seven days, and when its person signs out. Its name is made at each sign-in, so
/// nobody can choose it for somebody else.
final class Sessions: Sendable {
  /// One session.
  private struct Session {
    var principal: Principal
    let began: ContinuousClock.Instant
    var used: ContinuousClock.Instant
  }

  static let cookieName = "aipm_session"
  static let idleMax = Duration.seconds(12 * 3600)
  static let ageMax = Duration.seconds(7 * 24 * 3600)
  /// With more sessions than this, the one that was not used for longest ends.
  private let max: Int
  /// The same for the sessions of one person, so that nobody ends the sessions of others.
  private let perPersonMax: Int

  private let sessions = Mutex<[String: Session]>([:])

  init(max: Int = 10_000, perPersonMax: Int = 100) {
    self.max = max
    self.perPersonMax = perPersonMax
  }

  /// Begins a session.
  /// - Returns: its name, for the cookie.
  func begin(_ principal: Principal, at now: ContinuousClock.Instant = .now) -> String {
    let name = SecretCookie.freshValue()
    let id = SecretCookie.id(name)
    var principal = principal
    principal.session = id
    sessions.withLock { [principal] sessions in
      let own = sessions.filter { $0.value.principal.name == principal.name }
      if own.count >= perPersonMax { Self.removeOldest(own, from: &sessions) }
      if sessions.count >= max { sessions = sessions.filter { Self.isValid($0.value, at: now) } }
      if sessions.count >= max { Self.removeOldest(sessions, from: &sessions) }
      sessions[id] = Session(principal: principal, began: now, used: now)
    }
    return name
  }

  /// Removes the session, of these, that was not used for longest.
  private static func removeOldest(
    _ these: [String: Session], from sessions: inout [String: Session]
  ) {
    guard let oldest = these.min(by: { $0.value.used < $1.value.used }) else { return }
    sessions[oldest.key] = nil
  }

  /// The principal of a session.
  /// - Returns: nil if it has ended.
  func principal(_ name: String, at now: ContinuousClock.Instant = .now) -> Principal? {
    let id = SecretCookie.id(name)
    return sessions.withLock { sessions in
      guard let session = sessions[id] else { return nil }
      guard Self.isValid(session, at: now) else {
        sessions[id] = nil
        return nil
      }
      sessions[id]?.used = now
      return session.principal
    }
  }

  /// Whether the session with this id has not ended.
  func isValid(id: String, at now: ContinuousClock.Instant = .now) -> Bool {
    sessions.withLock { $0[id].map { Self.isValid($0, at: now) } ?? false }
  }

  /// Ends a session, or all sessions of its person.
  func end(_ principal: Principal, everywhere: Bool) {
    sessions.withLock { sessions in
      if everywhere {
        sessions = sessions.filter { $0.value.principal.name != principal.name }
      } else if let id = principal.session {
        sessions[id] = nil
      }
    }
  }

  /// The number of sessions that are kept.
  var count: Int { sessions.withLock { $0.count } }

  private static func isValid(_ session: Session, at now: ContinuousClock.Instant) -> Bool {
    now - session.used < idleMax && now - session.began < ageMax
  }
}
