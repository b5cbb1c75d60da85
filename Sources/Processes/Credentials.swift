// What must not be seen in a message that a program wrote.

package enum Credentials {
  /// The text without what looks like a credential: user information in URLs, values of
  /// `Authorization` headers, GitHub's tokens by their prefixes (`ghp_`, `github_pat_` …).
  /// - Parameter secrets: values that are masked wherever they stand, whole or, where they are
  ///   several words, each word of 16 characters or more.
  package static func masked(_ text: String, secrets: [String] = []) -> String {
    var text = text
    for secret in secrets {
      let words = secret.split(whereSeparator: \.isWhitespace).filter { $0.utf8.count >= 16 }
      for word in words where text.contains(word) { text.replace(word, with: "***") }
    }
    text.replace(#/([A-Za-z][A-Za-z0-9+.\-]*:\/\/)[^\s\/@'"]+@/#) { "\($0.output.1)***@" }
    text.replace(#/(?i)(authorization:\s*)(?:[a-z]+\s+)?[^\s'"]+/#) { "\($0.output.1)***" }
    text.replace(#/\b(?:gh[a-z]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})/#) { _ in "***" }
    return text
  }
}
