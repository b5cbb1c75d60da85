/// What a credential looks like, by marks that nothing else has.
enum Secrets {
  /// POSIX extended: tokens of GitHub and AWS by their prefixes, private keys by their first line.
  static let pattern =
    "gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50}|AKIA[A-Z0-9]{16}"
    + "|-----BEGIN [A-Z ]*PRIVATE KEY-----"

  /// Whether a line that a patch adds holds one; to take one out is no offence.
  static func areAdded(by patch: String) -> Bool {
    guard let regex = try? Regex(pattern) else { return true }
    return patch.split(separator: "\n").contains { line in
      line.hasPrefix("+") && !line.hasPrefix("+++ ") && line.contains(regex)
    }
  }
}
