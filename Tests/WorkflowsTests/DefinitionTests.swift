import Domain
import Foundation
import Screening
import Testing
import Workflows

/// Validation of definitions: each fault has its position and a correction.
struct DefinitionTests {
  static let minimal = """
    name: tiny
    agent-preference: [demo]
    templates:
      task-file: |
        # {{title}}
      prompt: "{{objective}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"

    """

  static func faults(_ source: String) -> [WorkflowFault] {
    do {
      _ = try Workflow(source: source, file: "w.yaml")
      return []
    } catch {
      return error.faults
    }
  }

  /// Faults of the small definition with something appended.
  static func faults(appending text: String) -> [WorkflowFault] { faults(minimal + text) }

  @Test func absentKeysHaveDefaults() throws {
    let workflow = try Workflow(source: Self.minimal, file: "w.yaml")
    #expect(workflow.name == "tiny")
    #expect(workflow.attempts == 2)
    #expect(workflow.agentTimeout == .seconds(600))
    #expect(workflow.stallTimeout == nil)
    #expect(!workflow.draft)
    #expect(workflow.baseBranch == nil)
    // Definitions in logs rely on it; the definition that AIPM carries names more.
    #expect(workflow.refusedPaths == [".github/workflows/"])
    #expect(workflow.secretExemptions == SecretExemptions())
    #expect(workflow.agents.keys.sorted() == ["demo"])
    #expect(workflow.limits.perRepository == nil)
    #expect(workflow.source == Self.minimal)
    #expect(workflow.notices.isEmpty)
    #expect(workflow.limits.diskBytesMax == 8 << 30 && workflow.limits.processesMax == 1024)
  }

  @Test func theTaskFileIsRestoredByDefault() throws {
    let old = try Workflow(source: Self.minimal, file: "w.yaml")
    #expect(old.taskFileRule.path(for: requested) == "TASK.md")
    #expect(old.restoredTaskFile(requested) == "TASK.md")
    let kept = try Workflow(
      source: Self.minimal + "task-file: {after: keep}\n", file: "w.yaml")
    #expect(kept.restoredTaskFile(requested) == nil)
    let named = try Workflow(
      source: Self.minimal + """
        task-file: {path: "docs/TASK-{{confirmationCode}}.md", after: restore}

        """, file: "w.yaml")
    #expect(named.restoredTaskFile(requested) == "docs/TASK-PR1.md")
    var adopted = requested
    adopted.kind = .adopt(pullRequest: 3)
    #expect(named.restoredTaskFile(adopted) == nil)
    for path in [
      "/TASK.md", "a/../b", "a//b", ".git/x", "a/.GIT/x", "{{id}}.md", "a*", "\"a\\nb\"", "\" \"",
      String(repeating: "x", count: 201),
    ] {
      #expect(Self.faults(appending: "task-file: {path: \(path)}\n").count == 1, "\(path)")
    }
    #expect(Self.faults(appending: "task-file: {after: drop, beside: x}\n").count == 2)
    #expect(Self.faults(appending: "task-file: TASK.md\n").count == 1)
  }

  @Test func noticesAreReadWithTheirFaults() throws {
    let text = """
      pull-request: {labels: [aipm, "needs review"], reviewers: [alice], team-reviewers: [core]}
      on-pushed: {comment: "{{filesChanged}} files in {{duration}}", labels: [done]}
      on-failed: {comment: "`{{failureMessage}}`"}

      """
    let workflow = try Workflow(source: Self.minimal + text, file: "w.yaml")
    #expect(workflow.notices == [.opened, .pushed, .failed])
    #expect(workflow.notice(.opened).labels == ["aipm", "needs review"])
    #expect(workflow.notice(.opened).teamReviewers == ["core"])
    let words = TaskText(
      title: "T", objective: "O", pullRequestTitle: "P", constraints: .text(""),
      acceptanceCriteria: [])
    let failed = Failed(
      step: .generate, code: .agentFailed, retryable: true, message: "a`b\n@c", hint: nil)
    let comment = try #require(
      workflow.comment(
        Notice(moment: .failed, marker: "failed-1"), words, id: DelegationID("d"),
        requested: requested,
        facts: NoticeFacts(attempt: 1, commit: nil, figures: nil, failure: failed)))
    #expect(comment.text == "`a'b @c`\n\n<!-- aipm: d failed-1 -->\n")
    let faults = Self.faults(
      appending: """
        pull-request: {labels: ["a,b"], reviewers: ["@alice"]}
        on-pushed: {comment: "{{nothing}}", label: x}

        """)
    #expect(faults.count == 4, "\(faults)")
  }

  @Test func aCommentListsRefusedHosts() throws {
    let text = """
      on-failed:
        comment: "{{failureCode}}{{#refusedHosts}}; refused:{{#items}} `{{.}}`{{/items}}\\
          {{#allowLine}}; to allow: `{{allowLine}}`{{/allowLine}}{{/refusedHosts}}"

      """
    let workflow = try Workflow(source: Self.minimal + text, file: "w.yaml")
    let words = TaskText(
      title: "T", objective: "O", pullRequestTitle: "P", constraints: .text(""),
      acceptanceCriteria: [])
    let failed = Failed(
      step: .generate, code: .agentFailed, retryable: true, message: nil, hint: nil)
    func comment(_ refusals: NoticeFacts.Refusals?) -> String? {
      workflow.comment(
        Notice(moment: .failed, marker: "failed-1"), words, id: DelegationID("d"),
        requested: requested,
        facts: NoticeFacts(
          attempt: 1, commit: nil, figures: nil, failure: failed, refusals: refusals)
      )?.text.split(separator: "\n").first.map { String($0) }
    }
    #expect(comment(nil) == "agent-failed")
    #expect(
      comment(.init(hosts: ["pypi.org", "a.org:80"], line: "network: {allow: [pypi.org]}"))
        == "agent-failed; refused: `pypi.org` `a.org:80`; to allow: `network: {allow: [pypi.org]}`")
    #expect(
      comment(.init(hosts: ["gone.org"], line: nil)) == "agent-failed; refused: `gone.org`")
  }

  private var requested: Requested {
    Requested(
      kind: .delegate, stamp: Stamp(milliseconds: 1),
      repository: RepositoryName(owner: "o", name: "r"), branch: "b-1", baseBranch: nil,
      requester: "local", priority: 5, agent: "demo", workflow: .init(name: "w", digest: "d"),
      draft: false, attemptsMax: 2, idempotencyKey: nil, text: nil)
  }

  @Test func aDefinitionFromTheLogIsEqual() throws {
    let builtIn = try #require(try WorkflowCatalog()["personal-delegate"])
    let again = try Workflow(source: builtIn.source, file: "log")
    #expect(again.digest == builtIn.digest)
    #expect(again.agents == builtIn.agents)
    let digest = try run("sha256sum", input: builtIn.source)
    #expect(digest.hasPrefix(builtIn.digest + " "))
  }

  private func run(_ program: String, input: String) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program]
    let (stdin, stdout) = (Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    try process.run()
    try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try stdin.fileHandleForWriting.close()
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self)
  }

  @Test func everythingIsRead() throws {
    let workflow = try Workflow(
      source: Self.minimal + """
        attempts: 3
        time-limits: {agent: 90s, stall: 1m}
        retry: {first-delay: 10ms, maximum-delay: 2s, tries: 4}
        pull-request: {draft: true, base-branch: develop}
        limits: {per-repository: 1, per-requester: 2, output: 1MiB, change: 2MiB, changed-files: 3}
        refused-paths: [secret.txt, infra/]
        secrets: {allow-paths: [tests/keys/], allow-patterns: ["sk_live_test*"]}
        agents:
          mine:
            description: my own
            command: [prog, -C, "{{directory}}", "{{promptFile}}"]
            prompt: file
            environment: [MY_KEY]
            preflight: [prog, --version]
            written-for: "3.1"
        """, file: "w.yaml")
    #expect(workflow.attempts == 3)
    #expect(workflow.agentTimeout == .seconds(90))
    #expect(workflow.stallTimeout == .seconds(60))
    #expect(
      workflow.retry
        == RetryPolicy(firstDelay: Milliseconds(10), maximumDelay: .seconds(2), triesMax: 4))
    #expect(workflow.draft)
    #expect(workflow.baseBranch == "develop")
    #expect(workflow.limits.perRepository == 1)
    #expect(workflow.limits.perRequester == 2)
    #expect(workflow.limits.outputBytesMax == 1 << 20)
    #expect(workflow.limits.changedBytesMax == 2 << 20)
    #expect(workflow.limits.changedFilesMax == 3)
    let refused = PathRules(workflow.refusedPaths)
    #expect(refused.contain("infra/main.tf".utf8))
    #expect(refused.contain("secret.txt".utf8))
    #expect(!refused.contain("secret.txt.swift".utf8))
    #expect(!refused.contain("docs/infra/x".utf8))
    #expect(refused.contain("INFRA/\u{301}x".utf8))
    #expect(workflow.secretExemptions.paths == ["tests/keys/"])
    #expect(workflow.secretExemptions.patterns == ["sk_live_test*"])
    let agent = try #require(workflow.agents["mine"])
    #expect(agent.environment == ["MY_KEY"])
    #expect(agent.writtenFor == "3.1")
    guard case .command(let command) = agent.kind else {
      Issue.record("not a command")
      return
    }
    #expect(!command.promptOnStandardInput)
    #expect(
      command.arguments == [.literal("prog"), .literal("-C"), .directory, .promptFile])
  }

  /// Text to append, the position of the fault (9 is the first appended line), and its messages.
  static let cases: [(text: String, line: Int, column: Int, messages: [String])] = [
    ("atempts: 3", 9, 1, ["unknown key \"atempts\"", "did you mean \"attempts\"?"]),
    ("colour: red", 9, 1, ["unknown key \"colour\"", "known are: ", "time-limits"]),
    ("attempts: 0", 9, 11, ["attempts is 0", "from 1 to 20"]),
    ("attempts: two", 9, 11, ["not a whole number", "from 1 to 20"]),
    ("attempts: 99999999999999999999", 9, 11, ["not a whole number"]),
    ("time-limits:\n  agent: 10", 10, 10, ["time-limits.agent is not a span", "10m"]),
    ("time-limits:\n  agent: 400d", 10, 10, ["out of range", "1s", "1d"]),
    ("time-limits:\n  agnet: 10m", 10, 3, ["unknown key \"agnet\" in time-limits", "\"agent\""]),
    ("time-limits: {agent: 1m, stall: 2m}", 9, 33, ["never applies", "1m"]),
    ("time-limits: 10m", 9, 14, ["time-limits is not a mapping"]),
    ("retry: {first-delay: 2s, maximum-delay: 1s}", 9, 41, ["shorter", "at least 2s"]),
    ("retry: {tries: 0}", 9, 16, ["retry.tries is 0", "1 to 100"]),
    ("pull-request: {draft: yes}", 9, 23, ["neither true nor false", "write true or false"]),
    ("pull-request: {draft: \"true\"}", 9, 23, ["without quotes"]),
    ("pull-request: {base-branch: a..b}", 9, 29, ["base-branch holds \"..\""]),
    ("limits: {output: 16 megabytes}", 9, 18, ["not a size", "16MiB"]),
    ("limits: {output: 1B}", 9, 18, ["out of range"]),
    ("refused-paths: [/etc]", 9, 17, ["not a path within", "no / first"]),
    ("refused-paths: [a/../b]", 9, 17, ["not a path within"]),
    ("refused-paths: [\"*.yml\"]", 9, 17, ["wildcard"]),
    ("refused-paths: secret", 9, 16, ["is not a list", "[a, b]"]),
    ("secrets: {allow-path: [a]}", 9, 11, ["unknown key \"allow-path\"", "\"allow-paths\""]),
    ("secrets: {allow-paths: [/a]}", 9, 25, ["not a path within", "no / first"]),
    ("secrets: {allow-patterns: [\"sk_*\"]}", 9, 28, ["\"sk_*\" cannot be used", "sk_live_test*"]),
    ("secrets: [a]", 9, 10, ["secrets is not a mapping"]),
    ("description: 5", 9, 14, ["description is 5, not a text", "\"5\""]),
    ("description: [a]", 9, 14, ["not a text"]),
    ("description: \"a\\nb\"", 9, 14, ["more than one line"]),
    (
      "agents:\n  a: {command: run me --now, prompt: argument}", 10, 16,
      [
        "not a list of arguments", "command: [\"run\", \"me\", \"--now\"]",
      ]
    ),
    (
      "agents:\n  a: {command: [p, 5], prompt: standard-input}", 10, 20,
      [
        "agents.a.command[1] is 5, not a text"
      ]
    ),
    ("agents:\n  a: {command: [], prompt: standard-input}", 10, 16, ["names no program"]),
    ("agents:\n  a: {command: [p], prompt: argument}", 10, 16, ["has no {{prompt}}"]),
    ("agents:\n  a: {command: [p, \"{{prompt}}\"], prompt: file}", 10, 16, ["{{promptFile}}"]),
    (
      "agents:\n  a: {command: [p, \"{{promt}}\"], prompt: standard-input}", 10, 20,
      [
        "no placeholder", "\"{{prompt}}\"",
      ]
    ),
    ("agents:\n  a: {command: [\"{{prompt}}\"], prompt: argument}", 10, 17, ["the program is"]),
    ("agents:\n  a: {command: [p], prompt: telepathy}", 10, 29, ["telepathy", "standard-input"]),
    ("agents:\n  a: {prompt: argument}", 10, 6, ["agents.a.command is missing"]),
    (
      "agents:\n  a: {command: [p], prompt: standard-input, environment: [AIPM_GITHUB_TOKEN]}", 10,
      59, ["credential of the forge"]
    ),
    (
      "agents:\n  a: {command: [p], prompt: standard-input, environment: [A=1]}", 10, 59,
      [
        "not the name of an environment variable"
      ]
    ),
    ("agents:\n  demo: {command: [p], prompt: standard-input}", 10, 3, ["built-in"]),
    ("agents:\n  Big Name: {command: [p], prompt: standard-input}", 10, 3, ["cannot be a name"]),
    ("name: twice", 1, 1, ["\"name\" is duplicate"]),
    ("bad: [unclosed", 10, 1, ["not YAML"]),
    ("x: *nothing", 9, 4, ["not YAML", "alias"]),
  ]

  @Test(arguments: cases.indices)
  func eachFaultHasItsPositionAndCorrection(index: Int) throws {
    let example = Self.cases[index]
    let faults = Self.faults(appending: example.text)
    let text = faults.map(\.description).joined(separator: "\n")
    let fault = try #require(faults.first, "\(example.text)")
    #expect(faults.count == 1, "\(text)")
    #expect(fault.file == "w.yaml")
    #expect("\(fault.line):\(fault.column)" == "\(example.line):\(example.column)", "\(text)")
    for message in example.messages { #expect(fault.description.contains(message), "\(text)") }
  }

  @Test func allFaultsAreReportedAtOnceInOrder() {
    let faults = Self.faults(
      """
      name: Not A Name
      agent-preference: [dmeo]
      attempts: many
      templates:
        task-file: |
          # {{titel}}

            {{#objective}}
        prompt: ""
        pull-request-body: "{{> partial}}"
      """)
    #expect(
      faults.map { [$0.line, $0.column] } == [
        [1, 7], [2, 20], [3, 11], [5, 3], [6, 7], [8, 7], [9, 11], [10, 22],
      ])
    #expect(faults.map(\.instead)[1] == "did you mean \"demo\"?")
    #expect(faults.map(\.instead)[4] == "did you mean \"title\"?")
    #expect(faults.map(\.message)[3].contains("templates.commit-message is missing"))
  }

  @Test func hostileFilesAreFaultsNotCrashes() {
    #expect(Self.faults("").first?.message == "the file is empty")
    #expect(Self.faults("- a\n- b").first?.message == "the document is not a mapping")
    #expect(Self.faults("just text").first?.message == "the document is not a mapping")
    #expect(Self.faults("name: a\u{7}b").first?.line == 1)
    #expect(Self.faults(String(repeating: "[", count: 100_000)).count == 1)
    #expect(Self.faults(String(repeating: "{a: ", count: 60_000)).count == 1)
    #expect(Self.faults("x: " + String(repeating: "y", count: 300_000)).count == 1)
    let bomb = (1...25).reduce("a0: &a0 [x]\n") { text, level in
      text + "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n"
    }
    #expect(!Self.faults(bomb).isEmpty)
    #expect(!Self.faults(appending: "? [a]\n: b\n").isEmpty)
    #expect(!Self.faults(appending: "---\nname: second\n").isEmpty)
  }
}
