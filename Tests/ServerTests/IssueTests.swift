import Domain
import Engine
import ForgePort
import InstantWorld
import Synchronization
import Testing
import Text

@testable import Server

/// How people name issues, and what is listed for a form.
struct IssueTests {
  private struct Names: RepositoryRules {
    let ownerForm = "write an owner"
    let repositoryForm = "write a repository"
    func faults(inOwner owner: String) -> [NameFault] {
      owner.contains("%") ? [NameFault(message: "has a %", instead: "write none")] : []
    }
    func faults(inRepository name: String) -> [NameFault] { [] }
  }

  private let addresses = IssueAddresses(forge: "https://forge.example/x", names: Names())

  @Test(arguments: [
    ("https://forge.example/x/acme/tools/issues/12", "acme/tools#12"),
    ("https://FORGE.example/x/acme/tools/issues/12/?a=b#c", "acme/tools#12"),
    ("https://forge.example/x/group/sub/tools/-/issues/7", "group/sub/tools#7"),
    ("acme/tools#12", "acme/tools#12"), ("#3", "own/repo#3"), ("3", "own/repo#3"),
  ])
  func namesThatAreRead(text: String, name: String) throws {
    let own = RepositoryName(owner: "own", name: "repo")
    #expect(try addresses.read(text, in: own).get().description == name)
  }

  @Test(arguments: [
    "https://evil.example/acme/tools/issues/12", "https://forge.example/acme/tools/issues/12",
    "https://forge.example/xacme/tools/issues/12", "https://forge.example/x/acme/tools/pull/12",
    "https://forge.example/x/acme/issues/12", "https://forge.example/x/acme/tools/issues/",
    "https://forge.example/x/acme/tools/issues/0", "https://forge.example/x/a%2fb/c/issues/1",
    "https://forge.example/x/acme/tools/issues/9999999999", "https://forge.example/x", "tools#1",
    "acme/tools#0", "acme/tools#x", "acme/tools#1\u{301}", "acme//tools#1", "", "#", "12",
    "https://forge.example/x@evil.example/acme/tools/issues/12",
  ])
  func namesThatAreRefused(text: String) {
    guard case .failure(let fault) = addresses.read(text) else {
      Issue.record("\(text) was read")
      return
    }
    #expect(fault.message.contains("; write"))
  }

  @Test func anotherForgeIsRefused() {
    guard case .failure(let fault) = addresses.read("https://evil.example/a/b/issues/1") else {
      Issue.record("it was read")
      return
    }
    #expect(
      fault.message
        == "is not on this server's forge; write one below https://forge.example/x/")
  }

  @Test func anIssueFitsIntoARequest() {
    let issue = ForgeIssue(
      number: 1, url: "", title: "Add \u{1b}[31mit",
      body: "a\r\n" + String(repeating: "é", count: 30_000),
      isOpen: true, isPullRequest: false)
    let words = IssueRoutes.objective(of: issue)
    #expect(words.hasPrefix("Add it\n\na\né"))
    #expect(words.unicodeScalars.count <= Submission.Limit.objective)
    var empty = issue
    empty.body = " \n"
    #expect(IssueRoutes.objective(of: empty) == "Add it")
  }

  /// A forge that is asked for its repositories.
  private final class Listing: ForgeClient {
    let count = Mutex(0)
    let answers: Mutex<[ForgeAnswer]>
    init(_ answers: [ForgeAnswer]) { self.answers = Mutex(answers) }

    func perform(_ call: ForgeCall) async -> ForgeAnswer {
      count.withLock { $0 += 1 }
      await Task.yield()
      return answers.withLock { $0.removeFirst() }
    }
  }

  @Test func repositoriesAreAskedForOnceAndKept() async {
    let name = RepositoryName(owner: "a", name: "b")
    let fault = ForgeFault(kind: .unreachable, message: "gone")
    let forge = Listing([
      .success(.repositories([name], isComplete: true)), .failure(fault),
      .success(.repositories([], isComplete: true)),
    ])
    let known = KnownRepositories(forge)
    let start = ContinuousClock.now
    let lists = await withTaskGroup(of: [RepositoryName].self) { group in
      for _ in 0..<20 { group.addTask { await known.list(at: start).names } }
      return await group.reduce(into: [[RepositoryName]]()) { $0.append($1) }
    }
    #expect(lists.allSatisfy { $0 == [name] })
    #expect(forge.count.withLock { $0 } == 1)
    // A forge that fails takes nothing away, and is left alone for a while.
    let later = start + KnownRepositories.age + .seconds(60)
    #expect(await known.list(at: later).names == [name])
    #expect(await known.list(at: later).names == [name])
    #expect(forge.count.withLock { $0 } == 2)
    #expect(await known.list(at: later + KnownRepositories.pause + .seconds(1)).names.isEmpty)
  }
}
