import EmbeddedForge
import FoundationEssentials
import Processes
import Testing

@Suite struct FaultRuleTests {
  private func rules(_ rules: String) throws -> FaultRules {
    try FaultRules(parsing: Array(#"{"rules":[\#(rules)]}"#.utf8))
  }

  @Test(arguments: [
    ("{", "not JSON"), ("[]", "must be an object"), ("{}", #"{"rules": [ … ]}"#),
    (#"{"rules":[{"then":"drop"}]}"#, "METHOD /PATH"),
    (#"{"rules":[{"call":"GET","then":"drop"}]}"#, "rule 1"),
    (#"{"rules":[{"call":"* **","then":"explode"}]}"#, "drop-answer"),
    (#"{"rules":[{"call":"* **","then":"slow"}]}"#, "300ms"),
    (#"{"rules":[{"call":"* **","then":"slow","for":"2 weeks"}]}"#, "300ms"),
    (#"{"rules":[{"call":"* **","then":"drop","one-in":0}]}"#, "whole number from 1"),
    (#"{"rules":[{"call":"* **","then":"drop"},{"call":"* **","every":2}]}"#, "rule 2"),
    (#"{"rules":[{"call":"* **","then":"fail","status":99}]}"#, "200 to 599"),
  ])
  func invalidRulesHaveACorrection(text: String, correction: String) {
    let fault = #expect(throws: FaultRules.Fault.self) {
      try FaultRules(parsing: Array(text.utf8))
    }
    #expect(fault?.description.contains(correction) == true, "\(fault?.description ?? "")")
  }

  /// Each fault affects the calls that it names, and no others.
  @Test func eachFaultHasItsEffect() async throws {
    try await RunningForge.fresh { forge in
      let path = "/repos/o/r"
      func answer(_ then: String) async throws -> Answer {
        forge.forge.setFaults(try rules(#"{"call":"GET \#(path)","then":\#(then)}"#))
        return try await forge.get(path)
      }
      #expect(try await answer(#""fail""#).status == 500)
      #expect(try await forge.get("/repos/o/r/branches/main").status == 200)
      let page = try await answer(#""answer","status":200,"html":true"#)
      #expect(page.status == 200 && page.body.contains("<h1>"))
      let refusal = try await answer(
        #""answer","status":422,"headers":{"X-Own":"1"},"body":{"message":"no"}"#)
      #expect(refusal.status == 422 && refusal["message"].text == "no")
      #expect(refusal.headers["x-own"] == "1")
      for then in [#""drop""#, #""drop-answer""#, #""truncate""#] {
        await #expect(throws: CurlFault.self) { try await answer(then) }
      }
      for then in [#""slow","for":"300ms""#, #""slow-body","for":"300ms""#] {
        let begun = ContinuousClock.now
        let late = try await answer(then)
        #expect(late.status == 200 && late["full_name"].text == "o/r")
        #expect(ContinuousClock.now - begun >= .milliseconds(300))
      }
    }
  }

  @Test func aDroppedCallHasNoEffectAndADroppedResponseHas() async throws {
    try await RunningForge.fresh { forge in
      let main = try await forge.get("/repos/o/r/git/ref/heads/main")["object"]["sha"].text
      func create(_ name: String, _ then: String) async throws {
        forge.forge.setFaults(
          try rules(#"{"call":"POST /repos/*/*/git/refs","then":"\#(then)"}"#))
        let body = #"{"ref":"refs/heads/\#(name)","sha":"\#(main)"}"#
        await #expect(throws: CurlFault.self) {
          try await forge.call("POST", "/repos/o/r/git/refs", body)
        }
      }
      try await create("dropped", "drop")
      try await create("lost", "drop-answer")
      #expect(try await forge.get("/repos/o/r/git/ref/heads/dropped").status == 404)
      #expect(try await forge.get("/repos/o/r/git/ref/heads/lost").status == 200)
    }
  }

  @Test func callsDuringAWaitAreRefusedAndCounted() async throws {
    try await RunningForge.fresh { forge in
      forge.forge.setFaults(
        try rules(#"{"call":"* **","first":1,"then":"limit","retry-after":60}"#))
      let first = try await forge.get("/repos/o/r")
      #expect(first.status == 429 && first.headers["retry-after"] == "60")
      #expect(forge.forge.callsInsideWaits == 0)
      // Another call than the one that was limited: the wait is the credential's.
      let again = try await forge.get("/repos/o/r/branches/main")
      #expect(again.status == 429)
      let left = again.headers["retry-after"].flatMap { Int($0) } ?? 0
      #expect((1...60).contains(left))
      #expect(forge.forge.callsInsideWaits == 1)
    }
  }

  @Test(arguments: [(#","reset":5"#, "API rate limit exceeded"), ("", "secondary rate limit")])
  func aLimitIsReportedAsOnGitHub(members: String, message: String) async throws {
    try await RunningForge.fresh { forge in
      forge.forge.setFaults(try rules(#"{"call":"* **","first":1,"then":"limit"\#(members)}"#))
      let answer = try await forge.get("/repos/o/r")
      #expect(answer.status == 403)
      #expect(answer["message"].text.contains(message))
      let isPrimary = !members.isEmpty
      #expect((answer.headers["x-ratelimit-remaining"] == "0") == isPrimary)
    }
  }

  @Test func rulesCountTheCallsThatFit() async throws {
    try await RunningForge.fresh { forge in
      func states(_ rule: String, count: Int) async throws -> [Int] {
        forge.forge.setFaults(try rules(rule))
        var found: [Int] = []
        for _ in 0..<count { found.append(try await forge.get("/repos/o/r").status) }
        return found
      }
      let some = #"{"call":"GET /repos/*/*","skip":1,"first":2,"then":"fail"}"#
      #expect(try await states(some, count: 5) == [200, 500, 500, 200, 200])
      let few = #"{"call":"GET **","one-in":4,"then":"fail"}"#
      let drawn = try await states(few, count: 40)
      #expect((3...20).contains(drawn.count { $0 == 500 }), "\(drawn)")
      // The same calls meet the same faults.
      #expect(try await states(few, count: 40) == drawn)
    }
  }

  @Test func gitCallsHaveFaultsToo() async throws {
    try await RunningForge.fresh { forge in
      let url = "\(forge.authenticated)/o/r.git"
      forge.forge.setFaults(
        try rules(#"{"call":"GET /o/r.git/info/refs","first":1,"then":"fail","status":503}"#))
      let failed = try await forge.git(["ls-remote", url], in: forge.root, accepting: [0, 128])
      #expect(failed.exit == .exited(128))
      #expect(try await forge.git(["ls-remote", url], in: forge.root).outputText.contains("main"))
    }
  }

  @Test func aFileIsReadAgainWhenItChanges() async throws {
    try await withTemporaryFolder { folder in
      let file = "\(folder)/faults.json"
      func write(_ text: String) throws {
        try text.write(toFile: file, atomically: true, encoding: .utf8)
      }
      try await EmbeddedForge.createRepository("o/r", root: "\(folder)/forge")
      try write(#"{"rules":[{"call":"* **","then":"fail","status":503}]}"#)
      try await RunningForge.serving("\(folder)/forge", { $0.faults = file }) { forge in
        #expect(try await forge.get("/repos/o/r").status == 503)
        try write(#"{"rules":[]}"#)
        #expect(try await forge.get("/repos/o/r").status == 200)
        // An invalid file is logged, and changes nothing.
        try write("oops")
        #expect(try await forge.get("/repos/o/r").status == 200)
      }
      await #expect(throws: EmbeddedForgeError.self) {
        try await RunningForge.serving("\(folder)/forge", { $0.faults = file }) { _ in }
      }
    }
  }
}
