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
    let tally = UsageTally(announcer)
    let policy = assignment.agent.sandbox?.network ?? NetworkPolicy()
    let ledger = EgressLedger(uploadBytesMax: policy.uploadBytesMax)
    let network = network(of: assignment.agent)
    network.begin(policy, ledger)
    let generation = generation(
      assignment, attempt, repository, log, announcer, network, policy, ledger, tally)
    var end = await generation.run(
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
    summary.usage = tally.total
    summary.network = record.hosts.isEmpty ? nil : record
    return (end, summary)
  }

  /// A network for one process of this agent, or for the processes of one attempt.
  private func network(of call: AgentCall) -> SandboxNetwork {
    SandboxNetwork(call, configuration.egress, logger: logger) {
      AgentEnvironment.value(of: $0, among: call.environment)
    }
  }

  private func generation(
    _ assignment: Assignment, _ attempt: AttemptFiles, _ repository: RepositoryFiles,
    _ log: OutputLog, _ announcer: OutputAnnouncer, _ network: SandboxNetwork,
    _ policy: NetworkPolicy, _ ledger: EgressLedger, _ tally: UsageTally
  ) -> GenerationRun {
    let objects = "\(repository.clone)/objects"
    let agent = AgentProcess(
      call: assignment.agent, prompt: assignment.prompt, files: attempt, home: attempt.home,
      demoProgram: configuration.demoProgram ?? ProcessTable.ownProgram,
      timeout: .milliseconds(assignment.timeoutMs) + .seconds(30), sandbox: sandbox,
      network: network, objects: objects)
    let work: GenerationRun.Work
    if let session = assignment.agent.session {
      work = { [self, queue, files, warm, sandbox, version = configuration.version] prompt, _, _ in
        let key = AttemptKey(assignment.lease)
        let run = AgentSessionRun(
          call: assignment.agent, session: session, prompt: prompt, attempt: attempt, key: key,
          repository: assignment.repository, objects: objects, files: files, sandbox: sandbox,
          makeNetwork: { self.network(of: assignment.agent) }, policy: policy, ledger: ledger,
          warm: warm, version: version, log: log, heard: { announcer.announce($0) },
          onUsage: { tally.update($0) })
        let outcome = await run.run { identity, id in
          queue.yield(.input(.agentStarted(key, identity, session: id)))
        }
        tally.finish(outcome.usage)
        return outcome.end
      }
    } else {
      work = { prompt, onStart, onOutput in
        let outcome = await agent.with(prompt: prompt).run(
          onStart: onStart, onOutput: onOutput, onUsage: { tally.update($0) })
        tally.finish(outcome.usage)
        return outcome.end
      }
    }
    return GenerationRun(agent: agent, plan: assignment.commands, work: work)
  }
}

/// What the runs of one attempt's agent have used together.
final class UsageTally: Sendable {
  private let announcer: OutputAnnouncer
  private let state = Mutex((finished: AgentUsage(), total: AgentUsage()))

  init(_ announcer: OutputAnnouncer) { self.announcer = announcer }

  var total: AgentUsage { state.withLock { $0.total } }

  /// - Parameter current: of the run that goes on.
  func update(_ current: AgentUsage) {
    let total = state.withLock { state in
      state.total = state.finished
      state.total.add(current)
      return state.total
    }
    announcer.announce(total)
  }

  /// - Parameter last: of a run that has ended.
  func finish(_ last: AgentUsage) {
    update(last)
    state.withLock { $0.finished = $0.total }
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

/// Reports to the core the length of the output and what the agent has used. At most one such
/// input waits in the queue.
final class OutputAnnouncer: Sendable {
  let key: AttemptKey
  private let queue: AsyncStream<QueuedInput>.Continuation
  private let state = Mutex(
    (size: OutputLog.Size(text: 0, records: 0), usage: AgentUsage(), isWaiting: false))

  init(key: AttemptKey, _ queue: AsyncStream<QueuedInput>.Continuation) {
    self.key = key
    self.queue = queue
  }

  func announce(_ new: OutputLog.Size) {
    announce { size, _ in
      size.text = max(size.text, new.text)
      size.records = max(size.records, new.records)
    }
  }

  func announce(_ usage: AgentUsage) { announce { $1 = usage } }

  private func announce(_ change: (inout OutputLog.Size, inout AgentUsage) -> Void) {
    let isNew = state.withLock { state in
      change(&state.size, &state.usage)
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
