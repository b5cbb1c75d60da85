import Domain
import OpenID
import Synchronization
import SystemCalls

/// The sign-ins that have begun and not ended, in memory. Each is of one browser, which holds its
/// name in a `SecretCookie`.
final class PendingSignIns: Sendable {
  static let cookieName = "aipm_sign_in"
  /// With more than this, the one that began first ends.
  private let max: Int

  private let entries = Mutex<[String: PendingSignIn]>([:])

  init(max: Int = 1000) { self.max = max }

  /// Adds a sign-in.
  /// - Returns: its name, for the cookie.
  func add(_ pending: PendingSignIn, at now: Timestamp = .now) -> String {
    let name = SecretCookie.freshValue()
    entries.withLock { entries in
      if entries.count >= max { entries = entries.filter { now < $0.value.expires } }
      if entries.count >= max, let first = entries.min(by: { $0.value.expires < $1.value.expires })
      {
        entries[first.key] = nil
      }
      entries[SecretCookie.id(name)] = pending
    }
    return name
  }

  /// Removes a sign-in, so that it ends once.
  /// - Returns: nil if it is unknown.
  func take(_ name: String) -> PendingSignIn? {
    entries.withLock { $0.removeValue(forKey: SecretCookie.id(name)) }
  }

  var count: Int { entries.withLock { $0.count } }

  /// The name in a `Cookie` field; nil if it has none.
  static func browser(in header: String?, _ cookie: SecretCookie) -> String? {
    let values = cookie.values(in: header)
    // With two, one is not this server's, and which one is unknown.
    guard values.count == 1, SecretCookie.isValue(values[0]) else { return nil }
    return values[0]
  }
}
