/// Agents that mean harm by what they leave.
extension Misbehavior {
  private static let token = "ghp_" + String(repeating: "x7", count: 18)
  /// The variable whose value the agents are given.
  static let keyVariable = "MISBEHAVIOR_API_KEY"

  private static func inWorkflows(_ name: String, _ path: String) -> Misbehavior {
    Misbehavior(
      name: name,
      script: """
        p="$(printf '\(path)')"; mkdir -p "$(dirname "$p")"; echo 'on: push' > "$p"
        """, code: "change-refused", says: "touches what it may not")
  }

  static let handIns = [
    inWorkflows("joins-the-slash", #".github/workflows/\314\201evil.yml"#),
    inWorkflows("is-invisible", #".github/workflows/\342\200\215evil.yml"#),
    inWorkflows("writes-in-capitals", #".GITHUB/Workflows/evil.yml"#),
    inWorkflows("is-invisible-to-hfs", #".git\342\200\214hub/workflows/evil.yml"#),
    inWorkflows("is-the-same-to-ntfs", #".github./workflows ::$INDEX_ALLOCATION/evil.yml"#),
    Misbehavior(
      name: "plants-a-key-in-crlf", script: "printf '# x\\r\\nk=\(token)\\r\\n' > README.md",
      code: "change-refused", says: "credential: README.md"),
    Misbehavior(
      name: "plants-a-key-before-a-mark", script: "printf 'k=\(token)\\314\\201\\n' > k",
      code: "change-refused", says: "credential: k"),
    Misbehavior(
      name: "plants-a-key-in-a-name", script: "echo a > \(token)", code: "change-refused",
      says: "credential"),
    Misbehavior(
      name: "leaves-its-own-key", script: "echo \"KEY=$\(keyVariable)\" > .env",
      code: "change-refused", says: "was given: .env"),
    Misbehavior(
      name: "leaves-its-own-key-in-base64",
      script: "printf 'user:%s' \"$\(keyVariable)\" | base64 > auth", code: "change-refused",
      says: "was given: auth"),
    Misbehavior(
      name: "has-no-space-left",
      script: """
        printf '[submodule "No space left on device/../x"]\\npath = x\\nurl = x\\n' > .gitmodules
        """, code: "change-refused", says: "git's own checks"),
    Misbehavior(
      name: "begins-keys", script: "yes -- '-----BEGIN AAAA' | head -c 100000000 > k",
      code: "change-refused", says: "k"),
    Misbehavior(
      name: "begins-keys-within-the-limit",
      script: "yes -- '-----BEGIN PRIVATE KEY-----' | head -c 5000000 > k; echo a > a",
      files: ["README.md", "a", "k"]),
    Misbehavior(
      name: "baits-the-mask", script: "yes eyJ- | tr -d '\\n' | head -c 1000000; echo a > a",
      files: ["a"]),
  ]
}
