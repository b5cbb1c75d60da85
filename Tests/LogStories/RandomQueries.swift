import Domain
import Randomness

/// Questions to a random log, some of which it has an answer to.
package struct RandomQueries: Sendable {
  private var random: Seeded
  private let commits: [String]

  /// - Parameter commits: SHAs that stand in the log.
  package init(seed: Int, commits: [String]) {
    random = Seeded(seed)
    self.commits = commits
  }

  /// One to three terms.
  package mutating func next() -> String {
    (0..<Int.random(in: 1...3, using: &random)).map { _ in
      (Int.random(in: 0..<5, using: &random) == 0 ? "-" : "") + term()
    }.joined(separator: " ")
  }

  private mutating func pick(_ words: String...) -> String {
    words.randomElement(using: &random) ?? ""
  }

  private mutating func term() -> String {
    let n = Int.random(in: 0..<12, using: &random)
    switch Int.random(in: 0..<20, using: &random) {
    case 0: return "repo:" + pick("ebaejun/tools", "ebaejun/none")
    case 1: return "pr:" + pick("\(100 + n)", "ebaejun/tools#\(100 + n)", "a/b#\(100 + n)")
    case 2: return "id:\(Story.id(n))"
    case 3: return "code:\(Story.stamp(n).confirmationCode)"
    case 4: return "branch:feature/add-export-\(Story.stamp(n).milliseconds)"
    case 5: return "type:" + pick("delegation.failed", "dispatched", "recovered", "step-failed")
    case 6: return "actor:" + pick("user", "system", "aipm", "local", "worker-1", "nobody")
    case 7: return "worker:worker-\(n % 4)"
    case 8: return "agent:" + pick("demo", "kiro")
    case 9:
      let sha = commits.randomElement(using: &random) ?? "abcd"
      return "sha:" + (n < 2 ? String(sha.prefix(5)) : n < 4 ? String(sha.prefix(39)) : sha)
    case 10: return "since:" + pick("30m", "5m", "2001-01-01", "2024-12-05T00:05Z")
    case 11: return "until:" + pick("10m", "2001-01-01", "2024-12-05", "2024-12-05T00:10:00Z")
    case 12: return "position:" + pick("\(n * 10)..\(n * 20)", ">\(n * 10)", "<\(n * 20)", "\(n)")
    case 13: return "state:" + pick("Failed", "Pushed", "generating", "Requested", "PRCreated")
    case 14: return "age:" + pick(">10m", "<10m", "1m..20m", "0s")
    case 15: return "stuck:" + pick("yes", "no")
    case 16: return "refused:" + pick("pypi.org", "FILES.example.org", "example.org")
    case 18: return "follows:\(Story.id(n))"
    case 17: return pick("\"forge said\"", "Übung", "silent", "agent-timeout", "nothing", "\\\"")
    case _: return pick("push", "exit", "\"it works\"", "delegation.", "title", "\"\u{1F600}\"")
    }
  }
}
