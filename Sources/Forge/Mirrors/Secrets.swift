/// What a credential looks like, by marks that nothing else has.
enum Secrets {
  /// POSIX extended, for git and for `Regex` alike: tokens by the prefixes that those who give them
  /// out have chosen so that they are found, and private keys by their first line.
  static let pattern = [
    // GitHub, GitLab
    "gh[pousr]_[A-Za-z0-9]{36}", "github_pat_[A-Za-z0-9_]{50}", "glpat-[A-Za-z0-9_-]{20}",
    // AWS, Google, Slack, Stripe, npm, PyPI
    "(AKIA|ASIA)[A-Z0-9]{16}", "AIza[A-Za-z0-9_-]{35}", "xox[abprs]-[A-Za-z0-9-]{20}",
    "sk_live_[A-Za-z0-9]{24}", "npm_[A-Za-z0-9]{36}", "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50}",
    // Anthropic, OpenAI
    "sk-ant-[A-Za-z0-9_-]{40}", "sk-proj-[A-Za-z0-9_-]{40}",
    "-----BEGIN [A-Z ]*PRIVATE KEY-----",
  ].joined(separator: "|")

  /// Whether one stands in a text.
  static func stand(in text: String) -> Bool {
    guard let regex = try? Regex(pattern) else { return true }
    return text.split(whereSeparator: \.isNewline).contains { $0.contains(regex) }
  }

  /// Whether a line that the patch of one file adds holds one; to take one out is no offence.
  static func areAdded(by patch: String) -> Bool {
    // What stands before the first hunk is git's own; every line after it is the file's.
    let lines = patch.split(separator: "\n").drop { !$0.hasPrefix("@@ ") }
    return stand(in: lines.filter { $0.hasPrefix("+") }.joined(separator: "\n"))
  }
}
