import Cryptography
import Domain
import OpenID
import Synchronization
import SystemCalls
import Text

/// The sign-ins that have begun and not ended, in memory. Each is of one browser, which holds its
/// name in a cookie: 32 random bytes. The server keeps the hash alone.
final class PendingSignIns: Sendable {
  static let cookieName = "aipm_sign_in"
  /// With more than this, the one that began first ends.
  private let max: Int

  private let entries = Mutex<[String: PendingSignIn]>([:])

  init(max: Int = 1000) { self.max = max }

  /// Adds a sign-in.
  /// - Returns: its name, for the cookie.
  func add(_ pending: PendingSignIn, at now: Timestamp = .now) -> String {
    let name = Hex.encode((0..<32).map { _ in UInt8.random(in: .min ... .max) })
    entries.withLock { entries in
      if entries.count >= max { entries = entries.filter { now < $0.value.expires } }
      if entries.count >= max, let first = entries.min(by: { $0.value.expires < $1.value.expires })
      {
        entries[first.key] = nil
      }
      entries[Self.id(name)] = pending
    }
    return name
  }

  /// Removes a sign-in, so that it ends once.
  /// - Returns: nil if it is unknown.
  func take(_ name: String) -> PendingSignIn? {
    entries.withLock { $0.removeValue(forKey: Self.id(name)) }
  }

  var count: Int { entries.withLock { $0.count } }

  private static func id(_ name: String) -> String { SHA256.hex(name.utf8) }

  /// The name in a `Cookie` field; nil if it has none.
  static func browser(in header: String?) -> String? {
    let prefix = Array("\(cookieName)=".utf8)
    let pairs = (header ?? "").utf8.split(separator: UInt8(ascii: ";"))
    let values = pairs.map { $0.drop { $0 == UInt8(ascii: " ") } }.filter {
      $0.starts(with: prefix)
    }
    // With two, one is not this server's, and which one is unknown.
    guard values.count == 1 else { return nil }
    let value = values[0].dropFirst(prefix.count)
    return value.count == 64 ? String(decoding: value, as: UTF8.self) : nil
  }
}
