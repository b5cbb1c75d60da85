import Domain
import ForgePort
import Testing

extension ForgeConformance {
  static let calls: [ConformanceCheck] = [
    ConformanceCheck("a repository has a default branch and an address for git", repositoryFacts),
    ConformanceCheck("the repositories of the credential are listed", repositories),
    ConformanceCheck("heads are read by every call; a branch that does not exist is nil", heads),
    ConformanceCheck("a branch is made once, and adopted by its head", branches),
    ConformanceCheck("a branch below another branch's name is a possible clash", clash),
    ConformanceCheck("a file is committed, and read by branch, commit and tree", files),
    ConformanceCheck("the same commit has the same SHA each time", sameCommit),
    ConformanceCheck("a file that is not the one to be replaced is a conflict", replacedFiles),
    ConformanceCheck("the commits of a branch are listed, oldest first", comparison),
    ConformanceCheck("more commits than a page holds are listed", commitPages),
  ]

  private static func repositoryFacts(_ subject: any ForgeUnderTest) async throws {
    guard case .repository(let facts) = try await subject.reply(.repository(subject.repository))
    else {
      Issue.record("no facts")
      return
    }
    #expect(!facts.defaultBranch.isEmpty && facts.cloneURL.hasPrefix("http"))
    #expect(!facts.archived && !facts.disabled && facts.mayPush != false)
    #expect(try await subject.head(of: facts.defaultBranch) == subject.head(of: nil))
  }

  private static func repositories(_ subject: any ForgeUnderTest) async throws {
    guard case .repositories(let names, let isComplete) = try await subject.reply(.repositories)
    else {
      Issue.record("no list")
      return
    }
    #expect(names.count <= ForgeRepository.listedMax)
    #expect(!isComplete || names.contains(subject.repository))
  }

  private static func heads(_ subject: any ForgeUnderTest) async throws {
    let name = subject.branch("heads-é")
    let absent = ForgeReply.head(nil)
    #expect(try await subject.reply(.branch(subject.repository, branch: name)) == absent)
    #expect(try await subject.reply(.branchHead(subject.repository, branch: name)) == absent)
    let base = try await subject.makeBranch(name)
    #expect(try await subject.reply(.branch(subject.repository, branch: name)) == .head(base))
    #expect(try await subject.head(of: name) == base)
  }

  private static func branches(_ subject: any ForgeUnderTest) async throws {
    let name = subject.branch("branches")
    let base = try await subject.makeBranch(name)
    let again = ForgeCall.createBranch(subject.repository, branch: name, sha: base)
    #expect(try await subject.client.fault(again).kind == .exists)
    #expect(try await subject.reply(.branch(subject.repository, branch: name)) == .head(base))
  }

  private static func clash(_ subject: any ForgeUnderTest) async throws {
    let name = subject.branch("clash")
    let base = try await subject.makeBranch(name)
    let below = ForgeCall.createBranch(subject.repository, branch: "\(name)/x", sha: base)
    #expect(try await subject.client.fault(below).kind == .possibleNameClash)
  }

  private static func files(_ subject: any ForgeUnderTest) async throws {
    let name = subject.branch("files")
    _ = try await subject.makeBranch(name)
    #expect(try await subject.blob("notes/x.md", at: name) == nil)
    #expect(try await subject.blob("no/such/file", at: nil) == nil)
    let sha = try await subject.commit("# Täsk\n", on: name)
    let blob = try await subject.blob("notes/x.md", at: name)
    #expect(blob != nil)
    #expect(try await subject.blob("notes/x.md", at: sha.rawValue) == blob)
    #expect(try await subject.head(of: name) == sha)
    guard case .tree(let root) = try await subject.reply(.tree(subject.repository, sha)),
      let folder = root.first(where: { $0.name == "notes" }),
      case .tree(let inside) = try await subject.reply(.tree(subject.repository, folder.sha))
    else {
      Issue.record("the folder is not in the tree")
      return
    }
    #expect(folder.kind == .folder)
    let entry = inside.first { $0.name == "x.md" }
    #expect(entry?.kind == .file && entry?.sha == blob)
  }

  private static func sameCommit(_ subject: any ForgeUnderTest) async throws {
    var made: Set<ObjectID> = []
    for name in ["same-1", "same-2"] {
      _ = try await subject.makeBranch(subject.branch(name))
      made.insert(try await subject.commit("same\n", on: subject.branch(name)))
    }
    #expect(made.count == 1)
  }

  private static func replacedFiles(_ subject: any ForgeUnderTest) async throws {
    let name = subject.branch("replaced")
    let base = try await subject.makeBranch(name)
    _ = try await subject.commit("one\n", on: name)
    let first = try #require(try await subject.blob("notes/x.md", at: name))
    func put(_ blob: ObjectID?) -> ForgeCall {
      .putFile(subject.repository, type(of: subject).file("two\n", "notes/x.md", name, blob))
    }
    let unnamed = try await subject.client.fault(put(nil)).kind
    #expect(unnamed == .exists || unnamed == .conflict)
    #expect(try await subject.client.fault(put(base)).kind == .conflict)
    _ = try await subject.commit("two\n", on: name, replacing: first)
    #expect(try await subject.blob("notes/x.md", at: name) != first)
    let gone = type(of: subject).file("x\n", "x.md", subject.branch("not-there"), nil)
    let missing = try await subject.client.fault(.putFile(subject.repository, gone)).kind
    #expect(missing == .notFound)
  }

  private static func comparison(_ subject: any ForgeUnderTest) async throws {
    let name = subject.branch("comparison")
    let base = try await subject.makeBranch(name)
    let call = ForgeCall.compare(subject.repository, base: base, head: name)
    #expect(try await subject.reply(call) == .commits([]))
    let first = try await subject.commit("1\n", to: "one.md", on: name)
    let second = try await subject.commit("2\n", to: "two.md", on: name)
    let message = "test: wörk\n\nLine: 1"
    guard case .commits(let found) = try await subject.reply(call) else {
      Issue.record("no commits")
      return
    }
    #expect(found.map(\.sha) == [first, second])
    #expect(found.map(\.parents) == [[base], [first]])
    #expect(found.allSatisfy { $0.message.hasPrefix(message) })
  }

  private static func commitPages(_ subject: any ForgeUnderTest) async throws {
    guard subject.testsPages else { return }
    let name = subject.branch("pages")
    let base = try await subject.makeBranch(name)
    var made: [ObjectID] = []
    for number in 1...101 {
      made.append(try await subject.commit("\(number)\n", to: "\(number).md", on: name))
    }
    guard
      case .commits(let found) = try await subject.reply(
        .compare(subject.repository, base: base, head: name))
    else {
      Issue.record("no commits")
      return
    }
    #expect(found.map(\.sha) == made)
  }
}
