import Domain
import Foundation
import Testing

/// The rules of a forge with nested groups that sets no others: every path that is safe on this
/// machine.
struct NestedGroupRules: RepositoryRules {
  init() {}

  let ownerForm = "write the path of the group that owns the repository"
  let repositoryForm = "write the repository's name"

  func faults(inOwner owner: String) -> [NameFault] {
    RepositoryName(owner: owner, name: "x").isValid
      ? [] : [NameFault(message: "is no path of groups", instead: ownerForm)]
  }

  func faults(inRepository name: String) -> [NameFault] {
    RepositoryName(owner: "x", name: name).isValid
      ? [] : [NameFault(message: "is no repository's name", instead: repositoryForm)]
  }
}

extension Submission {
  /// By the rules of a forge that sets none of its own.
  func validate(mistyped: [FieldFault] = []) throws(FieldFaults) -> ValidSubmission {
    try validate(names: NestedGroupRules(), mistyped: mistyped)
  }
}

/// A request is accepted unchanged, or all its faults are reported.
struct SubmissionTests {
  static let good = Submission(
    owner: "ebaejun", repo: "tools", branchName: "feature/add-export",
    taskTitle: "Add export button", objective: "User can export data",
    prTitle: "feat: Add export button", constraints: .text("Use existing button patterns"),
    acceptanceCriteria: .list(["Button appears", "Export works"]))

  static func faults(_ change: (inout Submission) -> Void) -> [FieldFault] {
    var submission = good
    change(&submission)
    do {
      _ = try submission.validate()
      return []
    } catch {
      return error.faults
    }
  }

  @Test func aGoodOneIsTakenAsItStands() throws {
    let valid = try Self.good.validate()
    #expect(valid.repository == RepositoryName(owner: "ebaejun", name: "tools"))
    #expect(valid.branchName == "feature/add-export")
    #expect(
      valid.text
        == TaskText(
          title: "Add export button", objective: "User can export data",
          pullRequestTitle: "feat: Add export button",
          constraints: .text("Use existing button patterns"),
          acceptanceCriteria: ["Button appears", "Export works"]))
    #expect(valid.workflow == "personal-delegate")
    #expect(valid.priority == 5)
    #expect(valid.agent == nil && valid.baseBranch == nil && valid.draft == nil)
  }

  @Test func allFaultsAreReportedAtOnce() {
    let empty = Submission(priority: 10)
    let error = #expect(throws: FieldFaults.self) { try empty.validate() }
    #expect(
      error?.faults.map(\.field) == [
        "owner", "repo", "branchName", "taskTitle", "objective", "prTitle", "priority",
      ])
    for fault in error?.faults ?? [] {
      #expect(fault.message.hasPrefix(fault.field))
      #expect(fault.message.contains("; write "), "\(fault.message)")
    }
  }

  @Test func nothingMoreIsSaidOfAFieldThatWasMistyped() {
    let mistyped = FieldFault(field: "owner", message: "owner is a number; write a text")
    let error = #expect(throws: FieldFaults.self) {
      try Submission(repo: "tools", branchName: "b", taskTitle: "t", objective: "o", prTitle: "p")
        .validate(mistyped: [mistyped])
    }
    #expect(error?.faults == [mistyped])
  }

  @Test(arguments: ["a", "A1", "a-b_c", "group/subgroup", "a/b/c/d"])
  func ownersAreGroups(owner: String) throws {
    #expect(Self.faults { $0.owner = owner } == [])
    var submission = Self.good
    submission.owner = owner
    #expect(try submission.validate().repository.description == "\(owner)/tools")
  }

  @Test(arguments: [
    "", " ", "a b", "/a", "a/", "a//b", "..", "a/../b", ".a/b", "a.git/b", "ä", "a\n",
  ])
  func groupsThatAreNotSafe(owner: String) {
    #expect(Self.faults { $0.owner = owner }.map(\.field) == ["owner"])
  }

  @Test(arguments: ["", "\t", ".", "..", "a.git", "a.GIT", "a.wiki", "a b", "a/b", "ü", "a\n"])
  func repositoriesThatAreNotSafe(repo: String) {
    #expect(Self.faults { $0.repo = repo }.map(\.field) == ["repo"])
  }

  @Test func titlesAreOneLineOfVisibleCharacters() {
    for bad in ["a\nb", "a\r\nb", "a\u{2028}b", "a\0b", "a\u{1B}", "a\tb", "\u{9B}x", "", "  "] {
      #expect(
        Self.faults { $0.taskTitle = bad }.map(\.field) == ["taskTitle"], "\(bad.debugDescription)")
      #expect(Self.faults { $0.prTitle = bad }.map(\.field) == ["prTitle"])
    }
    for good in ["\u{202E}rtl", "🧑‍👩‍👧", "<b>&", "-x", String(repeating: "é", count: 256)] {
      #expect(Self.faults { $0.taskTitle = good } == [])
      #expect(Self.faults { $0.prTitle = good } == [])
    }
    let long = String(repeating: "x", count: 257)
    #expect(Self.faults { $0.prTitle = long }.first?.message.contains("at most 256") == true)
  }

  @Test func blocksMayHaveLinesAndTabs() {
    #expect(Self.faults { $0.objective = "one\n\ttwo\n" } == [])
    let faults = Self.faults { $0.objective = "one\u{8}two" }
    #expect(faults.first?.message.contains("U+0008 as character 4") == true)
    #expect(Self.faults { $0.objective = "a\0" }.map(\.field) == ["objective"])
    #expect(Self.faults { $0.objective = String(repeating: "o", count: 20_000) } == [])
    #expect(
      Self.faults { $0.objective = String(repeating: "o", count: 20_001) }.map(\.field)
        == ["objective"])
    #expect(Self.faults { $0.objective = " \n" }.map(\.field) == ["objective"])
  }

  @Test func constraintsAreATextOrAListOrNothing() throws {
    var submission = Self.good
    submission.constraints = nil
    #expect(try submission.validate().text.constraints == .text(""))
    submission.constraints = .list(["a", "", "b\n"])
    #expect(try submission.validate().text.constraints == .list(["a", "b\n"]))
    #expect(
      Self.faults { $0.constraints = .text(String(repeating: "c", count: 20_001)) }.map(\.field)
        == ["constraints"])
    let halves = Array(repeating: String(repeating: "c", count: 10_001), count: 2)
    #expect(Self.faults { $0.constraints = .list(halves) }.map(\.field) == ["constraints"])
    #expect(
      Self.faults { $0.constraints = .list(["a", "b\u{7}"]) }.map(\.field) == ["constraints[1]"])
  }

  @Test func criteriaAreAListOrLines() throws {
    var submission = Self.good
    submission.acceptanceCriteria = .text("Button appears\r\n\n  \nExport works\n")
    #expect(
      try submission.validate().text.acceptanceCriteria == ["Button appears", "Export works"])
    submission.acceptanceCriteria = nil
    #expect(try submission.validate().text.acceptanceCriteria == [])
    submission.acceptanceCriteria = .list(["", "x"])
    #expect(try submission.validate().text.acceptanceCriteria == ["x"])
    #expect(
      Self.faults {
        $0.acceptanceCriteria = .list(["a", String(repeating: "x", count: 2001), "b\0"])
      }.map(\.field) == ["acceptanceCriteria[1]", "acceptanceCriteria[2]"])
    let many = Array(repeating: "x", count: 101)
    #expect(
      Self.faults { $0.acceptanceCriteria = .list(many) }.map(\.field) == ["acceptanceCriteria"])
    #expect(Self.faults { $0.acceptanceCriteria = .list(many.dropLast()) } == [])
  }

  @Test func optionalFieldsHaveRulesToo() {
    #expect(Self.faults { $0.priority = -1 }.map(\.field) == ["priority"])
    #expect(Self.faults { $0.priority = 9 } == [])
    #expect(Self.faults { $0.baseBranch = "refs/heads/main" }.map(\.field) == ["baseBranch"])
    #expect(Self.faults { $0.baseBranch = "release/1.0" } == [])
    #expect(Self.faults { $0.agent = "Not A Name" }.map(\.field) == ["agent"])
    #expect(Self.faults { $0.workflow = "../x" }.map(\.field) == ["workflow"])
  }
}

/// Names of branches, compared with what git itself takes.
struct BranchNameTests {
  @Test(arguments: [
    "../x", "a..b", "-x", "x.lock", "@{", "a@{b", "refs/heads/x", "refs/x", "HEAD", "@", "", "/a",
    "a/", "a//b", ".a", "a/.b", "a.", "a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b",
    "a\tb", "a\nb", "a\u{7F}b", "a\0b", "x.lock/y", ".", "..", "/", "-", "a\r\nb", ".\u{301}a",
    "a.lock\u{0}",
  ])
  func refused(name: String) throws {
    let fault = try #require(BranchName.fault(name, isStamped: true))
    #expect(!fault.message.isEmpty && !fault.instead.isEmpty)
  }

  @Test(arguments: [
    "feature/add-export", "a", "x/HEAD", "a@", "a@b", "ümläut", "功能/导出", "a.LOCK", "a./b", "1",
    "x-", "ref/s", "refs", "HEAD2", "a#b", "a!b", "a'b", "a\"b", "a$b", "%", "+",
  ])
  func taken(name: String) { #expect(BranchName.fault(name, isStamped: true) == nil) }

  @Test func lengthCountsBytesAndLeavesRoomForTheStamp() {
    #expect(BranchName.fault(String(repeating: "a", count: 230), isStamped: true) == nil)
    #expect(BranchName.fault(String(repeating: "a", count: 231), isStamped: true) != nil)
    #expect(BranchName.fault(String(repeating: "a", count: 244)) == nil)
    #expect(BranchName.fault(String(repeating: "é", count: 123)) != nil)
    #expect("-\(Int64(9_999_999_999_999))".utf8.count == BranchName.stampBytes)
  }

  /// Thousands of names drawn from what the rules speak of. Where git takes a name and we do not,
  /// it must be for a rule of our own.
  @Test func agreesWithGit() throws {
    var state: UInt64 = 7
    func draw(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    let pieces = [
      "a", "b", "1", "/", "/", ".", ".", "-", "@", "{", "}", ".lock", "lock", "HEAD", "refs/", " ",
      "~", "^", ":", "?", "*", "[", "\\", "é", "\u{301}", "\u{1}", "\u{7F}", "\t", "_", "功",
    ]
    // Most characters are plain, so that about half of the names are good.
    let names = (0..<3000).map { _ in
      (0...draw(6)).map { _ in draw(3) > 0 ? pieces[draw(14)] : pieces[draw(pieces.count)] }
        .joined()
    }
    let verdicts = try Self.git(names)
    #expect(verdicts.count == names.count)
    var taken = 0
    for (name, isTakenByGit) in zip(names, verdicts) {
      let fault = BranchName.fault(name)
      if isTakenByGit { taken += 1 }
      let isOurOwnRule = name == "@" || name.hasPrefix("refs/")
      #expect((fault == nil) == (isTakenByGit && !isOurOwnRule), "\(name.debugDescription)")
    }
    #expect((300...2700).contains(taken))
  }

  /// What `git check-ref-format --branch` says of each name, asked by one shell.
  private static func git(_ names: [String]) throws -> [Bool] {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = [
      "-c",
      """
      while IFS= read -r -d '' name; do
        if git check-ref-format --branch "$name" >/dev/null 2>&1; then echo y; else echo n; fi
      done
      """,
    ]
    // No repository, so that @{-1} means nothing.
    process.currentDirectoryURL = URL(filePath: "/")
    let (stdin, stdout) = (Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    try process.run()
    let input = Data(names.map { $0 + "\0" }.joined().utf8)
    Thread.detachNewThread {
      try? stdin.fileHandleForWriting.write(contentsOf: input)
      try? stdin.fileHandleForWriting.close()
    }
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return output.split(separator: UInt8(ascii: "\n")).map { $0.first == UInt8(ascii: "y") }
  }
}
