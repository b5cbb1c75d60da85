import Domain
import EventLog
import LogStories
import Testing

/// Credentials are masked in texts before they are stored, and nothing else is.
struct SecretMaskTests {
  private static let own = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

  private func mask(_ patterns: [String] = []) throws -> SecretMask {
    try SecretMask(secrets: [Self.own, "short"], patterns: patterns)
  }

  private static let letters = String(repeating: "aB3x", count: 10)

  @Test(arguments: [
    "ghp_" + letters, "gho_" + letters, "ghs_" + letters, "github_pat_11AB_" + letters,
    "glpat-" + letters.prefix(20), "sk-proj-" + letters, "sk-ant-api03-" + letters,
    "AKIAIOSFODNN7EXAMPLE", "xoxb-1234567890-abcdef", "AIza" + letters.prefix(35),
    "npm_" + letters.prefix(36), "hf_" + letters, own,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n",
  ])
  func whatIsMasked(secret: String) throws {
    let mask = try mask()
    #expect(mask.masked(secret) == "***")
    #expect(mask.masked("use \(secret)") == "use ***")
    #expect(mask.masked("übung: \"\(secret)\u{1F600}") == "übung: \"***\u{1F600}")
    let bytes = Array("ü \(secret)|".utf8)
    let struck = try #require(mask.struckOut(bytes))
    #expect(struck.count == bytes.count && struck.starts(with: "ü ".utf8))
    #expect(struck.dropFirst(3).dropLast().allSatisfy { $0 == 42 || $0 == 10 })
    #expect(struck.last == UInt8(ascii: "|"))
  }

  @Test(arguments: [
    "", "Add export button", "the task-0123456789012345678901234567890 is done",
    "ghp_short", "AKIA", "https://github.com/acme/tools/pull/1", "a@b.example", "short",
    "git@github.com:acme/tools.git", "mask-ed risk-averse sk-", "-----BEGIN CERTIFICATE-----",
    "sha 3f2a9c1b3f2a9c1b3f2a9c1b3f2a9c1b3f2a9c1b", "eyJ.eyJ.x",
  ])
  func whatIsNot(text: String) throws {
    let mask = try mask()
    #expect(mask.masked(text) == text)
    #expect(mask.struckOut(Array(text.utf8)) == nil)
  }

  @Test func passwordsInAddresses() throws {
    #expect(
      try mask().masked("https://bob:hunter22@host/x and postgres://u:pw1234@db:5432/x")
        == "https://***@host/x and postgres://***@db:5432/x")
  }

  @Test func severalInOneText() throws {
    let text = "\(Self.own)\(Self.own) AKIAIOSFODNN7EXAMPLE, \(Self.own)"
    #expect(try mask().masked(text) == "*** ***, ***")
  }

  @Test func whatIsConfigured() throws {
    let mask = try mask(["ACME-[0-9]{4}", "(?i)password: \\S+"])
    #expect(mask.masked("ACME-1234 Password: hunter2 x") == "*** *** x")
    for bad in ["[", "x*", ""] {
      #expect(throws: SecretMask.Fault.self) { try SecretMask(secrets: [], patterns: [bad]) }
    }
  }

  @Test func wordsOfEventsAndNothingElse() throws {
    let secret = "ghp_" + Self.letters
    let mask = try mask()
    let words = TaskText(
      title: "Use \(secret)", objective: "o", pullRequestTitle: "p \(secret)",
      constraints: .list(["c", secret]), acceptanceCriteria: [secret, "b"])
    let append = Story.append([.requested(Story.request(1, text: words))], to: 1)
    guard
      case .delegation(.requested(let masked)) = EncodedAppend(append, mask: mask).append.events
        .first
    else {
      Issue.record("another event")
      return
    }
    #expect(masked.text?.title == "Use ***" && masked.text?.pullRequestTitle == "p ***")
    #expect(masked.text?.constraints == .list(["c", "***"]))
    #expect(masked.text?.acceptanceCriteria == ["***", "b"])
    for event in EveryEvent.all {
      let one = Append(
        stream: .system, expectedVersion: 0, events: [event], actor: .system, correlation: nil,
        causation: nil)
      #expect(EncodedAppend(one, mask: mask).append.events == [event])
      #expect(EncodedAppend(one, mask: mask).encoded == [EventCodec.encode(event)])
    }
    let definition = SystemEvent.workflowDefined(name: "w", digest: "d", source: secret)
    let whole = EncodedAppend(Story.append([definition]), mask: mask).append
    #expect(whole.events == [.system(definition)], "its digest names it")
  }
}
