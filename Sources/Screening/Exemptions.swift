/// The texts that a workflow exempts, although they look like credentials. Known values are never
/// exempt.
package struct SecretExemptions: Equatable, Sendable {
  /// Files and folders that are not searched, as `tests/keys/`.
  package var paths: [String]
  /// Patterns for whole credentials, with `*` for any text: `sk_live_test*`.
  package var patterns: [String]

  package init(paths: [String] = [], patterns: [String] = []) {
    self.paths = paths
    self.patterns = patterns
  }

  /// The least number of bytes besides `*`: a shorter pattern would exempt too much.
  package static let patternMin = 8

  /// Why a pattern is invalid; nil if it is valid.
  package static func fault(inPattern pattern: String) -> String? {
    let literal = pattern.utf8.count { $0 != UInt8(ascii: "*") }
    return literal < patternMin
      ? "it has fewer than \(patternMin) characters besides *" : nil
  }

  /// Whether a credential is exempt.
  package func exempt(_ credential: Credential) -> Bool {
    !credential.isKnown
      && patterns.contains { Self.matches(Array($0.utf8), credential.identity) }
  }

  /// Whether a text matches a pattern with `*`. Earlier parts are never matched again.
  static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
    let star = UInt8(ascii: "*")
    var (p, t) = (0, 0)
    var back: (p: Int, t: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == star {
        back = (p + 1, t)
        p += 1
      } else if p < pattern.count, pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let last = back {
        back = (last.p, last.t + 1)
        (p, t) = (last.p, last.t + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == star }
  }
}
