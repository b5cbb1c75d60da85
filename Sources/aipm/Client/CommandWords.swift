import Domain

/// The words of a command line before they are parsed.
enum CommandWords {
  /// Subcommands whose only words without a dash name a delegation, or which have none. Such a word
  /// cannot be mistaken for a field.
  private static let withoutText: Set = [
    "show", "view", "cancel", "retry", "why", "redact", "workers", "pull-requests", "prs",
    "repositories", "repos", "agents", "usage",
  ]

  /// Subcommands with words of text, and an answer with delegations.
  private static let withDelegations: Set = ["list", "ls", "submit", "ask"]

  /// The fields of an event.
  private static let ofEvent = [
    "actor", "causation", "correlation", "data", "hash", "id", "payloadHash", "position", "salt",
    "schema", "stream", "time", "type", "version",
  ]

  /// The fields of a delegation.
  private static let ofDelegation = [
    "id", "confirmationCode", "state", "phase", "status", "queue", "repository", "branchName",
    "baseBranch", "baseSHA", "taskTitle", "objective", "prTitle", "constraints",
    "acceptanceCriteria", "requester", "priority", "agent", "workflow", "pullRequest",
    "taskCommitSHA", "commitSHA", "worker", "attempt", "failure", "requestedAt", "stateSince",
    "updatedAt", "nextIntent", "version", "cancelRequested", "underWaySince", "waiting",
    "quarantine", "kind", "follows",
  ]

  /// Writes the fields after `--json` as `--fields`: `--json=id,state`, and as `gh` has it
  /// `--json id,state`. A flag cannot have a value that may be absent.
  static func expanded(_ words: [String]) -> [String] {
    var out: [String] = []
    let takesOne = words.first.map { withoutText.contains($0) } ?? false
    let known =
      words.first.map { withDelegations.contains($0) ? ofDelegation : $0 == "audit" ? ofEvent : [] }
      ?? []
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" { return out + [word] + rest }
      if word.hasPrefix("--json=") {
        out.append("--fields=" + word.dropFirst("--json=".count))
      } else if word == "--json", let next = rest.first,
        isFields(next, takesOne: takesOne || isField(next, of: known))
      {
        out.append("--fields=" + next)
        rest.removeFirst()
      } else {
        out.append(word)
      }
    }
    return out
  }

  /// Whether the word after `--json` is a field and no text. A mistyped field counts: it is better
  /// refused with the right one than looked for as a text.
  private static func isField(_ word: String, of known: [String]) -> Bool {
    known.contains(word) || Spelling.nearest(to: word, in: known) != nil
  }

  /// Whether a word can be nothing but names of fields: several, separated by commas, or a single
  /// one where it cannot be another word.
  private static func isFields(_ word: String, takesOne: Bool) -> Bool {
    let names = word.split(separator: ",", omittingEmptySubsequences: false)
    return (names.count > 1 || takesOne) && names.allSatisfy(isField)
  }

  /// Names of fields begin in lowercase and have no digits, unlike ids, codes and pull requests.
  private static func isField(_ name: Substring) -> Bool {
    guard let first = name.utf8.first, 97...122 ~= first else { return false }
    return name.utf8.allSatisfy { 97...122 ~= $0 || 65...90 ~= $0 || $0 == 46 || $0 == 95 }
  }
}
