import Domain
import EmbeddedForge
import EventLog
import ForgeGitHub
import ForgePort
import Foundation
import HTTPClient
import InMemoryEventStore
import Logging
import Mirrors
import Processes
import Synchronization
import Testing
import Workflows

@testable import Engine

/// One delegation's whole way on a real forge: the real executor and its effects, the real client
/// and mirrors. What is made up is time, which leaps over every wait, the log, which is in memory,
/// and the worker, whose commit is made by git in the mirror.
final class Walk {
  /// A clock that several look at.
  final class Clock: Sendable {
    private let time = Mutex(Timestamp.inThePast)
    var now: Timestamp { time.withLock { $0 } }
    func leap(to moment: Timestamp) { time.withLock { $0 = max($0, moment) } }
  }

  let repository: RepositoryName
  let clock: Clock
  private let forge: any ForgeClient
  private let mirrors: GitMirrors
  private let store: InMemoryEventStore<SystemRandomNumberGenerator>
  private let workflow: Workflow
  private var executor: Executor
  private var inputs: [Executor.Input] = []
  private var wake: Timestamp?
  private let id = DelegationID("0193a000-0000-7000-8000-000000000001")
  let request: Requested

  init(
    _ repository: RepositoryName, clock: Clock, forge: any ForgeClient, mirrors: GitMirrors,
    branch: String = "feature/x-1", draft: Bool = false
  ) throws {
    self.repository = repository
    self.clock = clock
    self.forge = forge
    self.mirrors = mirrors
    store = InMemoryEventStore(
      clock: { clock.now }, random: SystemRandomNumberGenerator())
    workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    executor = Executor(id: id, workflow: workflow)
    request = Requested(
      kind: .delegate, stamp: Stamp(milliseconds: 1), repository: repository, branch: branch,
      baseBranch: nil, requester: "ann", priority: 5, agent: "demo",
      workflow: .init(name: workflow.name, digest: workflow.digest), draft: draft, attemptsMax: 2,
      idempotencyKey: nil,
      text: TaskText(
        title: "Add export", objective: "Users can export", pullRequestTitle: "feat: export",
        constraints: .list([]), acceptanceCriteria: ["It works"]))
  }

  var events: [RecordedEvent] {
    get async throws { try await store.read(.delegation(id)) }
  }

  /// Goes the whole way.
  /// - Returns: the state that it ends in, which is terminal.
  func run() async throws -> DelegationState {
    inputs = [.command(.request(request), Actor(kind: .user, name: "ann"), nil)]
    // A delegation that never ends is a fault of its own.
    for _ in 0..<2000 {
      if !inputs.isEmpty {
        for action in executor.step(inputs.removeFirst(), now: clock.now) {
          try await carryOut(action)
        }
        wake = executor.wakeAt ?? wake
      } else if executor.state.name?.isTerminal == true {
        return executor.state
      } else if let moment = wake {
        wake = nil
        clock.leap(to: moment)
        inputs.append(.wake)
      } else {
        try await work()
      }
    }
    throw CancellationError()
  }

  private func carryOut(_ action: EngineCore.Action) async throws {
    switch action {
    case .append(let append):
      do throws(AppendFault) { inputs.append(.recorded(try await store.append(append))) } catch {
        inputs.append(.notRecorded(error))
      }
    case .call(_, let ticket, let calls):
      var answers: [Answer] = []
      for call in calls {
        switch call {
        case .forge(let call): answers.append(.forge(await forge.perform(call)))
        case .git(let call): answers.append(.git(await mirrors.perform(call)))
        case .round, .monthCost: answers.append(.round(.underWay))
        }
      }
      inputs.append(.answered(ticket: ticket, answers))
    case .read: inputs.append(.reloaded(try await events))
    case .reply, .progress, .startProcess, .planChanged: break
    }
  }

  /// What the dispatcher and a worker do.
  private func work() async throws {
    let token = FencingToken(epoch: 1, counter: 1)
    switch executor.state {
    case .pullRequestCreated:
      inputs.append(
        .assign(.init(worker: WorkerID("worker-1"), incarnation: 1, token: token)))
    case .dispatched(_, let lease):
      let head = try #require(executor.prepared?.start.head)
      inputs.append(
        .command(
          .startGenerating(
            GenerationStarted(
              attempt: lease.attempt, token: lease.token, agent: "demo", session: nil, head: head)),
          .system, nil))
    case .generating(_, let generation):
      let commit = try await makeCommit(on: generation.head, attempt: generation.lease.attempt)
      inputs.append(
        .command(
          .acceptCommit(
            Generated(
              attempt: generation.lease.attempt, token: generation.lease.token, sha: commit,
              parent: generation.head, figures: nil)), .system, nil))
    case .absent, .requested, .branchCreated, .taskCommitted, .pushed, .failed:
      Issue.record("it stands still in \(executor.state)")
      throw CancellationError()
    }
  }

  /// The commit that an agent's work would have become, in the mirror.
  private func makeCommit(on head: ObjectID, attempt: Int) async throws -> ObjectID {
    let mirror = try #require(mirrors.directory(of: repository))
    func git(_ arguments: [String], _ input: Command.Input = .none) async throws -> String {
      try await Git.run(
        arguments, gitDirectory: mirror,
        extraEnvironment: [
          "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A",
          "GIT_COMMITTER_EMAIL": "a@b",
        ], input: input
      ).trimmedOutput
    }
    let blob = try await git(["hash-object", "-w", "--stdin"], .bytes(Array("code\n".utf8)))
    let listing = try await git(["ls-tree", head.rawValue])
    let tree = try await git(
      ["mktree"], .bytes(Array("\(listing)\n100644 blob \(blob)\tcode.txt\n".utf8)))
    let message = "feat: export\n\nAipm-Delegation: \(id)\nAipm-Attempt: \(attempt)\n"
    return ObjectID(
      try await git(["commit-tree", tree, "-p", head.rawValue, "-m", message]))
  }
}

extension Timestamp {
  /// Where walks begin, so that a leap over waits stays before the machine's own time.
  fileprivate static let inThePast = Timestamp(milliseconds: 1_733_356_800_000)
}

/// Sends the first call of a kind to a port where nobody listens.
final class Detour: ForgeClient {
  private let real: any ForgeClient
  private let nowhere: any ForgeClient
  private let isMeant: @Sendable (ForgeCall) -> Bool
  private let taken = Mutex(false)

  init(
    _ real: any ForgeClient, nowhere: any ForgeClient,
    where isMeant: @escaping @Sendable (ForgeCall) -> Bool
  ) {
    self.real = real
    self.nowhere = nowhere
    self.isMeant = isMeant
  }

  var condition: ForgeCondition { real.condition }
  func pass() async throws(ForgeFault) { try await real.pass() }
  func noteLimit(_ span: Milliseconds) -> Timestamp? { real.noteLimit(span) }

  func perform(_ call: ForgeCall) async -> ForgeAnswer {
    let takes = taken.withLock { taken in
      defer { taken = taken || isMeant(call) }
      return !taken && isMeant(call)
    }
    return await (takes ? nowhere : real).perform(call)
  }
}
