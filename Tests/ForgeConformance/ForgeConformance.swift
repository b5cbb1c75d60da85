// What every forge adapter must do: each call's reply, each fault by its meaning, adoption of what
// exists already, pages, capabilities, names, webhooks and the examination.
//
// A test target runs `ForgeConformance.checks` against its own `ForgeUnderTest`. Each check makes
// branches of its own, so that all can run on one repository, also on a real account.

import Domain
import ForgePort
import Testing

/// One check of the suite.
package struct ConformanceCheck: Sendable, CustomTestStringConvertible {
  package let name: String
  package let run: @Sendable (any ForgeUnderTest) async throws -> Void

  init(_ name: String, _ run: @escaping @Sendable (any ForgeUnderTest) async throws -> Void) {
    self.name = name
    self.run = run
  }

  package var testDescription: String { name }
}

/// A forge adapter, and what the suite needs of its forge.
package protocol ForgeUnderTest: Sendable {
  var adapter: any ForgeAdapter { get }
  /// A repository that has a commit and that the credential may write to.
  var repository: RepositoryName { get }
  /// What the names of this run's branches begin with.
  var prefix: String { get }
  /// Accounts that may review; empty if there are none.
  var reviewers: [String] { get }
  /// Whether to make more commits and comments than a page holds, which takes 200 writes.
  var testsPages: Bool { get }
  /// What others can do on the forge; nil if they cannot, as on a real account.
  var people: (any ForgePeople)? { get }
  /// The situations that `enter` can create.
  var situations: Set<Situation> { get }

  /// A client and a repository in a situation of `situations`.
  func enter(_ situation: Situation) async throws -> (any ForgeClient, RepositoryName)

  /// A webhook as the forge sends it.
  func webhook(
    _ event: WebhookEvent, id: String, secret: String
  ) throws -> (headers: [String: String], body: [UInt8])
}

/// What a client meets.
package enum Situation: CaseIterable, Sendable {
  /// The forge does not know the credential.
  case wrongCredential
  /// Nobody listens at the address.
  case unreachable
  /// Writes are carried out, and their answers are lost.
  case answersLost
  /// Every call fails on the forge.
  case failing
  /// The next call exceeds a limit.
  case limited
  /// The credential may only read the repository.
  case readOnly
  /// The repository does not allow draft pull requests.
  case withoutDrafts
  case archived
  /// The repository has no commit.
  case empty
}

package enum ForgeConformance {
  package static let checks =
    calls + pullRequests + conversations + faults + others
}

// MARK: - What the checks share

/// The reply to a call does not have the expected form.
package struct WrongAnswer: Error, CustomStringConvertible {
  package let description: String
  package init(description: String) { self.description = description }
}

extension ForgeUnderTest {
  var client: any ForgeClient { adapter.client }

  /// A branch's name that no other check uses.
  func branch(_ name: String) -> String { "\(prefix)/\(name)" }

  func reply(_ call: ForgeCall) async throws -> ForgeReply { try await client.perform(call).get() }

  func head(of branch: String?) async throws -> ObjectID {
    guard case .head(.some(let sha)) = try await reply(.branchHead(repository, branch: branch))
    else { throw WrongAnswer(description: "\(branch ?? "the default branch") has no head") }
    return sha
  }

  /// Makes a branch at the head of the default branch.
  /// - Returns: its head.
  func makeBranch(_ branch: String) async throws -> ObjectID {
    let base = try await head(of: nil)
    #expect(try await reply(.createBranch(repository, branch: branch, sha: base)) == .created)
    return base
  }

  /// Commits a file.
  func commit(
    _ content: String, to path: String = "notes/x.md", on branch: String,
    replacing blob: ObjectID? = nil
  ) async throws -> ObjectID {
    let file = Self.file(content, path, branch, blob)
    guard case .committed(let sha) = try await reply(.putFile(repository, file)) else {
      throw WrongAnswer(description: "\(path) was not committed")
    }
    return sha
  }

  static func file(
    _ content: String, _ path: String, _ branch: String, _ blob: ObjectID?
  ) -> FileCommit {
    FileCommit(
      path: path, branch: branch, content: content, message: "test: wörk\n\nLine: 1\n",
      replaces: blob, date: Timestamp(milliseconds: 1_733_356_800_000))
  }

  func blob(_ path: String, at ref: String?) async throws -> ObjectID? {
    guard case .blob(let sha) = try await reply(.fileBlob(repository, path: path, ref: ref)) else {
      throw WrongAnswer(description: "no answer for \(path)")
    }
    return sha
  }

  func new(_ branch: String, draft: Bool = false) async throws -> NewPullRequest {
    guard case .repository(let facts) = try await reply(.repository(repository)) else {
      throw WrongAnswer(description: "\(repository) has no facts")
    }
    return NewPullRequest(
      title: "test: \(branch)", head: branch, base: facts.defaultBranch, body: "a body",
      draft: draft)
  }

  /// Opens a pull request of a new branch with one commit.
  func open(_ name: String, draft: Bool = false) async throws -> ForgePullRequest {
    let branch = branch(name)
    _ = try await makeBranch(branch)
    _ = try await commit("\(name)\n", on: branch)
    let call = ForgeCall.openPullRequest(repository, try await new(branch, draft: draft))
    guard case .pullRequest(let made) = try await reply(call) else {
      throw WrongAnswer(description: "\(branch) has no pull request")
    }
    return made
  }

  func pullRequest(_ number: Int) async throws -> ForgePullRequest {
    let call = ForgeCall.pullRequest(repository, number: number)
    guard case .pullRequest(let found) = try await reply(call) else {
      throw WrongAnswer(description: "no pull request \(number)")
    }
    return found
  }

  func comments(_ number: Int) async throws -> [String] {
    try await commentList(number).map(\.body)
  }

  func commentList(_ number: Int) async throws -> [ForgeComment] {
    guard case .comments(let found) = try await reply(.comments(repository, number: number)) else {
      throw WrongAnswer(description: "no comments of \(number)")
    }
    return found
  }

  /// AIPM's own account.
  func account() async throws -> String {
    guard case .account(let name) = try await reply(.account) else {
      throw WrongAnswer(description: "no account")
    }
    return name
  }
}

extension ForgePullRequest {
  /// Without what a forge computes later, or leaves out of a list.
  var lasting: ForgePullRequest {
    var copy = self
    (copy.updatedAt, copy.conflicts) = (nil, nil)
    return copy
  }
}

extension ForgeClient {
  /// The fault of a call that must fail.
  func fault(_ call: ForgeCall) async throws -> ForgeFault {
    switch await perform(call) {
    case .failure(let fault): return fault
    case .success(let reply): throw WrongAnswer(description: "\(call) was answered \(reply)")
    }
  }
}
