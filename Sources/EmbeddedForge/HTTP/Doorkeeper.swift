// Who is at the door.

import FoundationEssentials
import HTTPTypes
import Text

struct Doorkeeper: Sendable {
  let token: String
  let login: String

  enum Caller: Sendable, Equatable {
    case known(login: String)
    /// No credential at all.
    case anonymous
    /// One that is not valid.
    case refused
  }

  /// Looks at `Authorization`: `Bearer`, `token`, or Basic with the token as password.
  func caller(_ headers: HTTPFields) -> Caller {
    guard let value = headers[.authorization], !value.isEmpty else { return .anonymous }
    let words = value.split(separator: " ", maxSplits: 1)
    guard words.count == 2 else { return .refused }
    let shown: String
    switch words[0].lowercased() {
    case "bearer", "token": shown = words[1].trimmed
    case "basic":
      guard let data = Data(base64Encoded: words[1].trimmed) else { return .refused }
      let pair = String(decoding: data, as: UTF8.self)
      guard let colon = pair.firstIndex(of: ":") else { return .refused }
      shown = String(pair[pair.index(after: colon)...])
    case _: return .refused
    }
    return isToken(shown) ? .known(login: login) : .refused
  }

  /// Takes as long for a wrong token as for the right one.
  private func isToken(_ shown: String) -> Bool {
    let (one, other) = (Array(shown.utf8), Array(token.utf8))
    var difference = one.count ^ other.count
    for index in other.indices {
      difference |= Int(other[index] ^ (index < one.count ? one[index] : 0))
    }
    return difference == 0
  }
}
