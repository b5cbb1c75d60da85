// How the shell runs an agent: its process or its session, its output, and its end.

import Domain
import Egress
import Logging
import NetworkRules
import Synchronization
import WorkerProtocol
import Workflows

extension WorkerShell {
  func startAgent(_ assignment: Assignment, _ underWay: inout UnderWay) {
    underWay.agent = Task { [queue, logger, workspace, configuration] in
      let key = AttemptKey(assignment.lease)
      if let refusal = configuration.grants.refusal(of: assignment.agent, worker: configuration.id)
      {
        queue.yield(.input(.agentEnded(key, .notFound(refusal), .nothing)))
        return
      }
      var (end, summary): (AgentEnd, OutputSummary)
      do {
        let file = try await workspace.repositoryFile(assignment)
        (end, summary) = try await generate(
          GenerationRun.narrowed(assignment, by: file), as: assignment)
      } catch let faults as WorkflowFaults {
        (end, summary) = (.unprepared("\(faults)"), .nothing)
      } catch {
        (end, summary) = (.lost("\(error)"), .nothing)
      }
      logger.info("agent ended", metadata: ["attempt": "\(key)", "end": "\(end)"])
      queue.yield(.input(.agentEnded(key, end, summary)))
    }
  }

  /// - Parameter ordered: the assignment without the repository's settings.
  private func generate(
    _ assignment: Assignment, as ordered: Assignment
  ) async throws -> (AgentEnd, OutputSummary) {
    let key = AttemptKey(assignment.lease)
    guard let attempt = files.attempt(key),
      let repository = files.repository(assignment.repository)
    else { return (.lost("\(key): no name for a folder"), .nothing) }
    let secrets = AgentEnvironment.secrets(assignment.agent.environment)
    let records = try OutputRecords(path: attempt.records, secrets: secrets)
    let log = try OutputLog(
      path: attempt.output, bytesMax: assignment.outputBytesMax, secrets: secrets,
      records: records)
    let announcer = OutputAnnouncer(key: key, queue)
    let policy = assignment.agent.sandbox?.network ?? NetworkPolicy()
    let ledger = EgressLedger(uploadBytesMax: policy.uploadBytesMax)
    let network = SandboxNetwork(assignment.agent, configuration.egress)
    network.begin(policy, ledger)
    let objects = "\(repository.clone)/objects"
    let place = try await sessions.enter(ordered, attempt)
    let earlier: SessionRecord? =
      if let place { place.continues } else { try await sessions.load(ordered) }
    let continuation = Continuation(earlier) { [queue] session, continues in
      queue.yield(
        .input(.conversationSettled(key, session: session, continues: continues)))
    }
    let mayContinue = earlier != nil
    let work = place?.files ?? attempt
    let agent = AgentProcess(
      call: assignment.agent, prompt: assignment.prompt, files: work, home: work.home,
      demoProgram: configuration.demoProgram ?? ProcessTable.ownProgram,
      timeout: .milliseconds(assignment.timeoutMs) + .seconds(30), sandbox: sandbox,
      network: network, objects: objects)
    let words = Mutex<String?>(nil)
    let onUsage: @Sendable (AgentUsage) -> Void = { announcer.announce($0) }
    let turns = AgentTurns(
      agent: agent, place: place, resumePrompt: assignment.session?.prompt,
      continuation: continuation, sessions: sessions,
      onOutput: { announcer.announce(log.append($0)) }, onUsage: onUsage,
      onEndedUsage: { announcer.announce($0, isEnd: true) })
    let run: GenerationRun.Work = { [self, configuration] turn, onStart, _ in
      let outcome: AgentProcess.Outcome
      if let session = assignment.agent.session {
        let run = AgentSessionRun(
          call: assignment.agent, session: session, turn: turn, prompt: assignment.prompt,
          resumePrompt: assignment.session?.prompt, continuation: continuation,
          attempt: attempt, treeName: assignment.treeName,
          repository: assignment.repository, objects: objects, files: files, sandbox: sandbox,
          makeNetwork: { SandboxNetwork(assignment.agent, configuration.egress) }, policy: policy,
          ledger: ledger,
          warm: warm, version: configuration.version, log: log,
          heard: { announcer.announce($0) }, onUsage: onUsage,
          renewHome: { [sessions] in await sessions.renewInherited($0) })
        outcome = await run.run { [queue] identity, id in
          queue.yield(
            .input(.agentStarted(key, identity, session: id, mayContinue: mayContinue)))
        }
      } else {
        outcome = await turns.run(turn, onStart: onStart)
      }
      announcer.announce(outcome.usage, isEnd: true)
      words.withLock { $0 = outcome.words ?? $0 }
      return outcome.end
    }
    var end = await GenerationRun(agent: agent, plan: assignment.commands, work: run).run(
      onStart: { [queue] process in
        guard let identity = ProcessTable.identity(of: process) else { return }
        queue.yield(.input(.agentStarted(key, identity, mayContinue: mayContinue)))
      },
      onOutput: { chunk in announcer.announce(log.append(chunk)) })
    await network.close()
    if let place {
      try await sessions.leave(
        place, ordered, attempt, endedWell: end == .finished, session: continuation.session,
        used: continuation.used)
    } else if end == .finished, let session = continuation.session {
      await sessions.ended(ordered, session: session)
    }
    // The agent's own message must not carry the secrets that it was given.
    if case .failed(let text) = end {
      end = .failed(OutputMask.masked(text, secrets: secrets))
    }
    let record = ledger.record
    if !record.hosts.isEmpty { log.record("network", .describing(record)) }
    var summary = log.finish()
    summary.usage = announcer.usage
    summary.words = words.withLock { $0 }.map { OutputMask.masked($0, secrets: secrets) }
    summary.network = record.hosts.isEmpty ? nil : record
    return (end, summary)
  }
}

extension Assignment {
  /// The name of the tree's folder of an agent that keeps running. An agent that continues sessions
  /// finds the tree where it was.
  fileprivate var treeName: String {
    guard agent.session?.loadsSessions == true, let first = session?.first,
      WorkerFiles.isSafe(first)
    else { return AttemptKey(lease).description }
    return first
  }
}

/// An element of the shell's queue: an input, or a notice that an output grew.
enum QueuedInput: Sendable {
  case input(Input)
  case output(OutputAnnouncer)

  var input: Input {
    switch self {
    case .input(let input): input
    case .output(let announcer): announcer.take()
    }
  }
}

/// Reports to the core the length of the output and what the attempt's runs of the agent have used
/// together. At most one such input waits in the queue.
final class OutputAnnouncer: Sendable {
  let key: AttemptKey
  private let queue: AsyncStream<QueuedInput>.Continuation
  private struct State {
    var size = OutputLog.Size(text: 0, records: 0)
    /// Of the runs that have ended.
    var finished = AgentUsage()
    var usage = AgentUsage()
    var isWaiting = false
  }
  private let state = Mutex(State())

  init(key: AttemptKey, _ queue: AsyncStream<QueuedInput>.Continuation) {
    self.key = key
    self.queue = queue
  }

  func announce(_ new: OutputLog.Size) {
    announce { state in
      state.size.text = max(state.size.text, new.text)
      state.size.records = max(state.size.records, new.records)
    }
  }

  /// - Parameters:
  ///   - current: the usage of the current run.
  ///   - isEnd: whether that run has ended.
  func announce(_ current: AgentUsage, isEnd: Bool = false) {
    announce { state in
      state.usage = state.finished
      state.usage.add(current)
      if isEnd { state.finished = state.usage }
    }
  }

  var usage: AgentUsage { state.withLock { $0.usage } }

  private func announce(_ change: (inout State) -> Void) {
    let isNew = state.withLock { state in
      change(&state)
      defer { state.isWaiting = true }
      return !state.isWaiting
    }
    if isNew { queue.yield(.output(self)) }
  }

  func take() -> Input {
    state.withLock { state in
      state.isWaiting = false
      return .agentSaid(
        key, bytes: state.size.text, records: state.size.records, usage: state.usage)
    }
  }
}
