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
        (end, summary) = try await generate(GenerationRun.narrowed(assignment, by: file))
      } catch let faults as WorkflowFaults {
        (end, summary) = (.unprepared("\(faults)"), .nothing)
      } catch {
        (end, summary) = (.lost("\(error)"), .nothing)
      }
      logger.info("agent ended", metadata: ["attempt": "\(key)", "end": "\(end)"])
      queue.yield(.input(.agentEnded(key, end, summary)))
    }
  }

  private func generate(_ assignment: Assignment) async throws -> (AgentEnd, OutputSummary) {
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
    let agent = AgentProcess(
      call: assignment.agent, prompt: assignment.prompt, files: attempt, home: attempt.home,
      demoProgram: configuration.demoProgram ?? ProcessTable.ownProgram,
      timeout: .milliseconds(assignment.timeoutMs) + .seconds(30), sandbox: sandbox,
      network: network, objects: objects)
    let words = Mutex<String?>(nil)
    let work: GenerationRun.Work = { [self, configuration] prompt, onStart, onOutput in
      let outcome: AgentProcess.Outcome
      if let session = assignment.agent.session {
        let run = AgentSessionRun(
          call: assignment.agent, session: session, prompt: prompt, attempt: attempt, key: key,
          repository: assignment.repository, objects: objects, files: files, sandbox: sandbox,
          makeNetwork: { SandboxNetwork(assignment.agent, configuration.egress) }, policy: policy,
          ledger: ledger,
          warm: warm, version: configuration.version, log: log,
          heard: { announcer.announce($0) }, onUsage: { announcer.announce($0) })
        outcome = await run.run { [queue] identity, id in
          queue.yield(.input(.agentStarted(key, identity, session: id)))
        }
      } else {
        outcome = await agent.with(prompt: prompt).run(
          onStart: onStart, onOutput: onOutput, onUsage: { announcer.announce($0) })
      }
      announcer.announce(outcome.usage, isEnd: true)
      words.withLock { $0 = outcome.words ?? $0 }
      return outcome.end
    }
    var end = await GenerationRun(agent: agent, plan: assignment.commands, work: work).run(
      onStart: { [queue] process in
        guard let identity = ProcessTable.identity(of: process) else { return }
        queue.yield(.input(.agentStarted(key, identity)))
      },
      onOutput: { chunk in announcer.announce(log.append(chunk)) })
    await network.close()
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
