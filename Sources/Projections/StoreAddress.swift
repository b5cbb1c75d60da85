import Text

/// The address of a database server, as an operator writes it. It may contain a password.
package struct StoreAddress: Equatable, Sendable {
  private static let schemes = ["postgresql://", "postgres://"]

  package let text: String

  /// - Returns: nil if the text is not an address of a database server.
  package init?(_ text: String) {
    guard Self.schemes.contains(where: text.hasPrefix) else { return nil }
    self.text = text
  }

  /// The user's part and what follows it.
  private var parts: (scheme: Substring, user: Substring, rest: Substring) {
    let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
    let end = text[start...].firstIndex { $0 == "/" || $0 == "?" } ?? text.endIndex
    guard let at = text[start..<end].lastIndex(of: "@") else {
      return (text[..<start], "", text[start...])
    }
    return (text[..<start], text[start..<at], text[at...])
  }

  /// The passwords in it, as they are written and as they are meant.
  package var passwords: [String] {
    var found: [Substring] = []
    let user = parts.user
    if let colon = user.firstIndex(of: ":") { found.append(user[user.index(after: colon)...]) }
    if let query = text.firstIndex(of: "?") {
      for parameter in text[text.index(after: query)...].split(separator: "&") {
        let words = parameter.split(separator: "=", maxSplits: 1)
        if words.count == 2, words[0] == "password" { found.append(words[1]) }
      }
    }
    let written = found.map(String.init).filter { !$0.isEmpty }
    return written + written.compactMap { Percent.decode($0) }.filter { !written.contains($0) }
  }

  /// The address with `***` for each password.
  package var shown: String {
    let (scheme, user, rest) = parts
    var shown = String(scheme)
    if let colon = user.firstIndex(of: ":") {
      shown += user[...colon] + "***"
    } else {
      shown += user
    }
    guard let query = rest.firstIndex(of: "?") else { return shown + rest }
    let parameters = rest[rest.index(after: query)...].split(separator: "&").map {
      $0.hasPrefix("password=") ? "password=***" : String($0)
    }
    return shown + rest[...query] + parameters.joined(separator: "&")
  }
}

extension StoreLocation {
  /// The store that an operator names: `postgresql://…`, or a data folder.
  /// - Parameter folder: what is kept beside a database is there; nil for none.
  package init(_ text: String, folder: String?) {
    if StoreAddress(text) == nil {
      self = .folder(text)
    } else {
      self = .postgreSQL(address: text, folder: folder)
    }
  }
}
