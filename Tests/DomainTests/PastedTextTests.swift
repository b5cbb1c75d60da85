import Domain
import Testing

/// Words as they come from web pages and terminals. The bodies of GitHub's issues have CRLF:
/// https://github.com/stefanbuck/github-issue-parser/issues/2 and
/// https://github.com/aws/aws-cdk-rfcs/pull/954.
struct PastedTextTests {
  @Test(arguments: [
    ("one\r\ntwo", "one\ntwo"), ("one\rtwo", "one\ntwo"), ("one\r\r\ntwo\r", "one\n\ntwo\n"),
    ("one\n\rtwo", "one\n\ntwo"), ("plain", "plain"), ("", ""), ("a\tb\n", "a\tb\n"),
    ("\u{1B}[31mFAIL\u{1B}[0m a.test.js", "FAIL a.test.js"),
    ("\u{1B}[1;38;5;208mbold\u{1B}[m", "bold"), ("\u{1B}[2K\u{1B}[1Gdone", "done"),
    ("\u{9B}31mred\u{9B}0m", "red"), ("\u{1B}(Bascii", "ascii"), ("\u{1B}=keys\u{1B}>", "keys"),
    ("\u{1B}]0;title\u{7}text", "text"),
    ("\u{1B}]8;;https://x.y\u{1B}\\link\u{1B}]8;;\u{1B}\\", "link"),
    ("\u{1B}Pq\u{1B}\\after", "after"), ("e\u{301}\r\n語", "e\u{301}\n語"),
  ])
  func colourAndLineEndsAreMadePlain(given: String, plain: String) {
    #expect(Array(PastedText.plain(given).unicodeScalars) == Array(plain.unicodeScalars))
  }

  /// A control character outside a terminal sequence stays, and is refused with a message.
  @Test(arguments: [
    "a\u{1B}", "\u{1B}[31", "\u{1B}]0;no end", "\u{1B}]0;a\nb\u{7}", "\u{9B}", "\u{7}", "\0",
  ])
  func whatIsNoneStays(text: String) {
    #expect(PastedText.plain(text) == text)
  }

  @Test func aLineHasNoLineEnd() {
    #expect(PastedText.plainLine("Fix it\r\n\r\n") == "Fix it")
    #expect(PastedText.plainLine("a\r\nb") == "a\nb")
  }

  @Test func everyFieldOfWordsTakesThem() throws {
    var submission = SubmissionTests.good
    submission.taskTitle = "\u{1B}[1mTitle\u{1B}[0m\r\n"
    submission.prTitle = "PR\n"
    submission.objective = "one\r\ntwo\rthree"
    submission.constraints = .text("\u{1B}[32mok\u{1B}[0m\r\nmore")
    submission.acceptanceCriteria = .list(["a\r\nb", "\u{1B}[31mc\u{1B}[0m"])
    let text = try submission.validate().text
    #expect(text.title == "Title" && text.pullRequestTitle == "PR")
    #expect(text.objective == "one\ntwo\nthree")
    #expect(text.constraints == .text("ok\nmore"))
    #expect(text.acceptanceCriteria == ["a\nb", "c"])
    submission.constraints = .list(["x\r\ny"])
    submission.acceptanceCriteria = .text("a\r\n\r\nb\rc")
    let lists = try submission.validate().text
    #expect(lists.constraints == .list(["x\ny"]) && lists.acceptanceCriteria == ["a", "b", "c"])
  }

  @Test func otherControlsAreRefusedAsBefore() {
    for bad in ["a\u{7}b", "a\0b", "a\u{1B}", "a\u{7F}b"] {
      var submission = SubmissionTests.good
      submission.objective = bad
      submission.prTitle = bad
      let faults = #expect(throws: FieldFaults.self) { try submission.validate() }
      #expect(faults?.faults.map(\.field) == ["objective", "prTitle"], "\(bad.debugDescription)")
    }
  }
}
