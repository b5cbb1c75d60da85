// Authentication of requests.

import FoundationEssentials
import HTTPTypes
import Text

struct Authenticator: Sendable {
  let token: String
  let login: String
  /// Accounts with tokens of their own.
  var others: [ForgeAccount] = []

  enum Caller: Sendable, Equatable {
    case known(login: String)
    /// No credential.
    case anonymous
    /// An invalid credential.
    case refused
  }

  /// Reads `Authorization`: `Bearer`, `token`, or Basic with the token as password.
  func caller(_ headers: HTTPFields) -> Caller {
    guard let value = headers[.authorization], !value.isEmpty else { return .anonymous }
    let parts = value.split(separator: " ", maxSplits: 1)
    guard parts.count == 2 else { return .refused }
    let credential: String
    switch parts[0].lowercased() {
    case "bearer", "token": credential = parts[1].trimmed
    case "basic":
      guard let data = Data(base64Encoded: parts[1].trimmed) else { return .refused }
      let pair = String(decoding: data, as: UTF8.self)
      guard let colon = pair.firstIndex(of: ":") else { return .refused }
      credential = String(pair[pair.index(after: colon)...])
    case _: return .refused
    }
    var found: String?
    for account in others where Self.isEqual(credential, account.token) { found = account.login }
    if Self.isEqual(credential, token) { found = login }
    return found.map { .known(login: $0) } ?? .refused
  }

  /// Compares in constant time.
  private static func isEqual(_ credential: String, _ token: String) -> Bool {
    let (one, other) = (Array(credential.utf8), Array(token.utf8))
    var difference = one.count ^ other.count
    for index in other.indices {
      difference |= Int(other[index] ^ (index < one.count ? one[index] : 0))
    }
    return difference == 0
  }
}
