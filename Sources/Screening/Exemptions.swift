/// What a workflow says is no credential, though it looks like one. A value that AIPM holds or that
/// a worker handed out is never exempt.
package struct SecretExemptions: Equatable, Sendable {
  /// Files and folders that are not looked into, as `tests/keys/`.
  package var paths: [String]
  /// What a whole credential may be, with `*` for anything: `sk_live_test*`.
  package var patterns: [String]

  package init(paths: [String] = [], patterns: [String] = []) {
    self.paths = paths
    self.patterns = patterns
  }

  /// Fewer bytes besides `*` would exempt too much.
  package static let patternMin = 8

  /// Why a pattern cannot be one; nil where it can.
  package static func fault(inPattern pattern: String) -> String? {
    let literal = pattern.utf8.count { $0 != UInt8(ascii: "*") }
    return literal < patternMin
      ? "it says less than \(patternMin) characters of what it exempts" : nil
  }

  /// Whether a credential is exempt.
  package func hold(_ credential: Credential) -> Bool {
    !credential.isKnown
      && patterns.contains { Self.fits(Array($0.utf8), credential.identity) }
  }

  /// Linear but for the number of stars: a part that was placed stays where it is.
  static func fits(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
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
