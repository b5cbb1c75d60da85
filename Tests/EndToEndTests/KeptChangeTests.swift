import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// What an attempt without a commit had made is kept as a patch, and never with a credential.
  @Suite("Kept changes") struct KeptChangeTests {}
}

extension EndToEndTests.KeptChangeTests {
  private static let token = "ghp_" + String(repeating: "x7", count: 18)
  private static let keyLine = String(repeating: "aB3/", count: 16)

  /// An agent whose change the server refuses, for a path or a credential, or that fails.
  private static let agent = """
    #!/bin/sh
    prompt=$(cat)
    echo work > work.txt
    case $prompt in
      *'a workflow'*) mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml;;
      *'a token'*) echo 'key=\(token)' > config;;
      *'then fail'*)
        printf '\\0%s' '\(token)' > binary
        printf -- '-----BEGIN RSA PRIVATE KEY-----\\n\(keyLine)\\n\(keyLine)\\n' > key.pem
        printf -- '-----END RSA PRIVATE KEY-----\\n' >> key.pem
        exit 1;;
    esac
    """

  private static func run(_ server: Installation, _ objective: String) async throws -> JSONValue {
    let id = try await server.submit(
      Installation.request("acme/tools", ["objective": .string(objective)]))
    return try await server.end(of: id)
  }

  @Test("of a refused change as of a failed attempt")
  func kept() async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let agent = try server.script("agent", Self.agent)
      try await server.start([
        "--workers", "1", "--attempts", "1", "--agent", "command", "--agent-command", agent,
      ])
      let path = try await Self.run(server, "a workflow")
      #expect(path["failure"]["code"].stringValue == "change-refused")
      let id = try #require(path["id"].stringValue)
      let hint = path["failure"]["hint"].stringValue ?? ""
      #expect(hint.hasSuffix("What the agent had made is kept: aipm logs --patch \(id)"), "\(hint)")
      #expect(path["attempts"].arrayValue?.first?["patch"].boolValue == true)
      let kept = try await server.aipm(["diff", id])
      #expect(kept.errorText.contains("there is no commit"))
      let applied = try await Command(
        "sh",
        [
          "-ec", "git clone -q \"$0\" \"$1\"; cd \"$1\"; git apply; cat .github/workflows/x.yml",
          repository.path, "\(server.folder)/applied",
        ], input: .bytes(kept.standardOutput), timeout: .seconds(60)
      ).run()
      #expect(applied.outputText == "on: push\n", "\(applied.errorText)")

      let secret = try await Self.run(server, "a token")
      #expect(secret["failure"]["code"].stringValue == "change-refused")
      let said = secret["failure"]["hint"].stringValue ?? ""
      #expect(said.hasSuffix("The change is not kept."), "\(said)")
      let none = try await server.aipm(["logs", "--patch", secret["id"].stringValue ?? ""])
      #expect(none.exit == .exited(3) && none.errorText.contains("without a credential"))

      let failed = try await Self.run(server, "then fail")
      #expect(failed["failure"]["code"].stringValue == "agent-failed")
      let patch = try await server.aipm(["logs", "--patch", failed["id"].stringValue ?? ""])
      #expect(patch.outputText.contains("+work\n"), "\(patch.errorText)")
      #expect(patch.outputText.contains("+++ b/binary") && patch.outputText.contains("+++ b/key"))
      for credential in [Self.token, Self.keyLine] {
        #expect(patch.standardOutput.firstRange(of: Array(credential.utf8)) == nil)
      }
    }
  }
}
