import Domain
import Testing
import Workflows

/// What the templates of the built-in workflow make, byte for byte.
struct RenderingTests {
  let id = DelegationID("0193b1c0-0000-7000-8000-000000000001")
  let workflow: Workflow
  let text = TaskText(
    title: "Add export button", objective: "User can export data",
    pullRequestTitle: "feat: Add export button",
    constraints: .text("Use existing button patterns"),
    acceptanceCriteria: ["Button appears", "Export works"])

  init() throws {
    workflow = try #require(try WorkflowCatalog()["personal-delegate"])
  }

  func requested(_ text: TaskText) -> Requested {
    Requested(
      kind: .delegate, stamp: Stamp(milliseconds: 1_733_356_800_123),
      repository: RepositoryName(owner: "ebaejun", name: "tools"),
      branch: "feature/add-export-1733356800123", baseBranch: nil, requester: "local", priority: 5,
      agent: "demo", workflow: .init(name: "personal-delegate", digest: "d"), draft: false,
      attemptsMax: 2, idempotencyKey: nil, text: text)
  }

  @Test func taskFile() {
    #expect(
      workflow.taskFile(text, id: id) == """
        # Add export button

        Objective: User can export data
        Constraints: Use existing button patterns
        Acceptance Criteria:
        - Button appears
        - Export works

        <!-- aipm: 0193b1c0-0000-7000-8000-000000000001 -->

        """)
  }

  @Test func prompt() {
    #expect(
      workflow.prompt(text, id: id) == """
        Implement: User can export data

        Constraints: Use existing button patterns

        Acceptance Criteria:
        - Button appears
        - Export works
        """)
  }

  @Test func emptyPartsAreLeftOutWithTheirHeadings() {
    var text = text
    text.constraints = .text("")
    text.acceptanceCriteria = []
    #expect(
      workflow.taskFile(text, id: id) == """
        # Add export button

        Objective: User can export data

        <!-- aipm: 0193b1c0-0000-7000-8000-000000000001 -->

        """)
    #expect(workflow.prompt(text, id: id) == "Implement: User can export data")
    text.constraints = .list(["", " "])
    text.acceptanceCriteria = ["Works"]
    #expect(
      workflow.prompt(text, id: id) == """
        Implement: User can export data

        Acceptance Criteria:
        - Works
        """)
  }

  @Test func aListOfConstraintsIsAList() {
    var text = text
    text.constraints = .list(["No new dependency", "Swift only"])
    #expect(
      workflow.prompt(text, id: id) == """
        Implement: User can export data

        Constraints:
        - No new dependency
        - Swift only

        Acceptance Criteria:
        - Button appears
        - Export works
        """)
    #expect(
      workflow.taskFile(text, id: id).contains(
        "data\nConstraints:\n- No new dependency\n- Swift only\nAcceptance Criteria:\n"))
  }

  @Test(arguments: [
    "{{title}} {{#objective}} {{{id}}} {{% CONTENT_TYPE: HTML}}", "<b> & \"quotes\" 'single'",
    "line one\nline two\n\n\tindented", "🧑‍👩‍👧 ümläut \u{202E}rtl", "{{", "}}", "\\n $HOME `x`",
    "- [ ] box", "e\u{301} and \u{e9}",
  ])
  func usersTextIsVerbatim(value: String) {
    let text = TaskText(
      title: value, objective: value, pullRequestTitle: value, constraints: .text(value),
      acceptanceCriteria: [value, value])
    #expect(
      Array(workflow.taskFile(text, id: id).utf8)
        == Array(
          """
          # \(value)

          Objective: \(value)
          Constraints: \(value)
          Acceptance Criteria:
          - \(value)
          - \(value)

          <!-- aipm: \(id) -->

          """.utf8))
    #expect(
      Array(workflow.prompt(text, id: id).utf8)
        == Array(
          """
          Implement: \(value)

          Constraints: \(value)

          Acceptance Criteria:
          - \(value)
          - \(value)
          """.utf8))
  }

  @Test func commitMessages() {
    #expect(
      workflow.taskCommitMessage(text, id: id, logPosition: 4, logHash: "ab12") == """
        feat: Add export button

        Aipm-Delegation: 0193b1c0-0000-7000-8000-000000000001
        Aipm-Log: 4:ab12
        """)
    #expect(
      workflow.generatedCommitMessage(text, id: id, attempt: 2) == """
        feat: Add export button

        Aipm-Delegation: 0193b1c0-0000-7000-8000-000000000001
        Aipm-Attempt: 2
        """)
  }

  @Test func aTitleCannotForgeTrailers() {
    var text = text
    for forged in [
      "Aipm-Delegation: other", "x\n\nAipm-Delegation: other\nAipm-Attempt: 1",
      "x\n\nAipm-Delegation: other\nAipm-Attempt: 1\n\n",
    ] {
      text.pullRequestTitle = forged
      let message = workflow.generatedCommitMessage(text, id: id, attempt: 7)
      #expect(
        CommitTrailers(message: message)
          == CommitTrailers(delegation: id, kind: .generated(attempt: 7)))
      #expect(CommitTrailers(message: forged)?.delegation != id)
    }
    text.pullRequestTitle = " "
    #expect(
      workflow.generatedCommitMessage(text, id: id, attempt: 1).hasPrefix("Delegation \(id)\n\n"))
  }

  @Test func trailersAreReadBackFromWhatGitKeeps() {
    let written = CommitTrailers(delegation: id, kind: .task(logPosition: 9, logHash: "ff"))
    #expect(CommitTrailers(message: "t\n\n\(written.paragraph)\n") == written)
    #expect(CommitTrailers(message: "t\n\n\(written.paragraph)\n\nmore") == nil)
    #expect(CommitTrailers(message: written.paragraph) == nil)
    #expect(CommitTrailers(message: "") == nil)
    #expect(CommitTrailers(message: "t\n\nAipm-Delegation: x\nAipm-Attempt: many") == nil)
  }

  @Test func pullRequestBody() {
    let body = workflow.pullRequestBody(text, id: id, requested: requested(text))
    #expect(body.contains("**Objective:** User can export data\n"))
    #expect(body.contains("- Button appears\n- Export works\n"))
    #expect(body.contains("PR1733356800123"))
    #expect(body.hasSuffix("\n\n<!-- aipm: \(id) -->\n"))
  }

  @Test func aPullRequestClosesTheIssueOfItsRequest() {
    var request = requested(text)
    func firstLine() -> Substring? {
      workflow.pullRequestBody(text, id: id, requested: request).split(separator: "\n").first
    }
    #expect(firstLine() == "**Objective:** User can export data")
    request.issue = IssueName("Ebaejun/Tools#12")
    #expect(firstLine() == "Closes #12")
    request.issue = IssueName("ebaejun/plans#7")
    #expect(firstLine() == "Closes ebaejun/plans#7")
  }

  @Test func aBodyTooLongForGitHubIsCutAndKeepsItsMarker() {
    var text = text
    text.objective = String(repeating: "🧑‍👩‍👧", count: 20_000)
    let body = workflow.pullRequestBody(text, id: id, requested: requested(text))
    #expect(body.utf16.count < 65_536)
    #expect(body.contains("TASK.md contains all of it"))
    #expect(body.hasSuffix("\n\n<!-- aipm: \(id) -->\n"))
  }

  @Test func aCommentCanListFlaggedPaths() throws {
    let figures = GenerationFigures(
      filesChanged: 2, insertions: 1, deletions: 0, duration: .seconds(1), outputSize: 0,
      outputDigest: "", flagged: ["AGENTS.md", ".vscode/`@all`"])
    let source =
      workflow.source + """

        on-pushed: {comment: "{{#flaggedPaths}}Look at `{{flaggedPaths}}`.{{/flaggedPaths}}"}

        """
    func comment(_ figures: GenerationFigures?) throws -> String? {
      try Workflow(source: source, file: "w.yaml").comment(
        Notice(moment: .pushed, marker: "pushed-1"), text, id: id, requested: requested(text),
        facts: NoticeFacts(attempt: 1, commit: nil, figures: figures, failure: nil))?.text
    }
    #expect(try comment(figures)?.hasPrefix("Look at `AGENTS.md, .vscode/'@all'`.\n") ?? false)
    #expect(try comment(nil)?.contains("Look") == false)
  }

  @Test func cancelComment() throws {
    let comment = try #require(
      workflow.comment(
        Notice(moment: .cancelled, marker: "cancelled-1"), text, id: id,
        requested: requested(text),
        facts: NoticeFacts(attempt: 1, commit: nil, figures: nil, failure: nil)))
    #expect(comment.text.contains("PR1733356800123"))
    #expect(comment.text.hasSuffix("\n\(comment.marker)\n"))
  }
}
