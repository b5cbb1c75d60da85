import Domain
import Engine
import EventLog
import LogStories
import Worker
import WorkerProtocol
import Workflows

/// The worker protocol from the server's side: between a request as it arrives and the core's own
/// checks. It does what the HTTP routes do, and as they do it decides nothing.
extension World {
  typealias Answering = (World, WorkerAnswer) -> Void
  private typealias Reporting = (World, WorkerFault?) -> Void

  /// Takes a request that has arrived.
  /// - Parameter answer: called once, unless the server dies before.
  func serve(_ request: WorkerRequest, from index: Int, _ answer: @escaping Answering) {
    guard let found = route(from: index) else {
      return answer(self, .failed(.unreachable("no server")))
    }
    inProcess(of: found, found.life) { $0.answer(request, from: index, answer) }
  }

  private func answer(_ request: WorkerRequest, from index: Int, _ answer: @escaping Answering) {
    let id = WorkerID(workers[index].name)
    switch request {
    case .agents: answer(self, .agents([]))
    case .register(let told): register(told, answer)
    case .poll(let poll): self.poll(poll, answer)
    case .heartbeat(let beat):
      guard isKnown(id, beat.incarnation) else { return answer(self, .failed(.unknownLife)) }
      let used = beat.used.map {
        EngineCore.LeaseUse(token: FencingToken(packed: $0.lease.token), usage: $0.usage)
      }
      step(.heard(id, agentSilence: beat.agentSilentMs.map { Milliseconds($0) }, used: used))
      answer(self, .heartbeat)
    case .generating(let report):
      let start = GenerationStarted(
        attempt: report.lease.attempt, token: FencingToken(packed: report.lease.token),
        agent: report.agent, session: report.session, head: ObjectID(report.head),
        continues: report.continues.map { DelegationID($0) })
      do throws(WorkerFault) {
        guard let core = server.core else { return }
        let started = try core.started(start, of: DelegationID(report.lease.delegation))
        command(.startGenerating(started), report.lease, id) {
          answer($0, Self.told($1) { .generating($0 == nil ? .taken : .over) })
        }
      } catch {
        answer(self, Self.told(error) { .generating($0 == nil ? .taken : .over) })
      }
    case .output(let lease, _, let offset): output(lease, offset, index, answer)
    case .pack(let lease, let commit, let used):
      pack(lease, ObjectID(commit), used, index) {
        answer($0, Self.told($1) { .pack(Self.upload($0)) })
      }
    case .patch(let lease): answer(self, .patch(holds(lease) ? .taken : .over))
    case .result(let report):
      result(report, id) {
        answer($0, Self.told($1) { .result(Self.result($0)) })
      }
    }
  }

  private static func result(_ fault: WorkerFault?) -> ResultOutcome {
    guard let fault else { return .taken }
    return fault == .packMissing ? .packMissing : .over
  }

  private func isKnown(_ id: WorkerID, _ incarnation: Int) -> Bool {
    (try? server.core?.check(id, incarnation)) != nil
  }

  /// What the link makes of a fault: a failure that every call can have, or the call's own answer.
  private static func told(
    _ fault: WorkerFault?, _ answer: (WorkerFault?) -> WorkerAnswer
  ) -> WorkerAnswer {
    switch fault {
    case .unknown: .failed(.unknownLife)
    case .unavailable(let message): .failed(.unreachable(message))
    case nil, .superseded, .cancelled, .refused, .malformed, .packMissing: answer(fault)
    }
  }

  private static func upload(_ fault: WorkerFault?) -> UploadOutcome {
    switch fault {
    case nil: .taken
    case .superseded, .cancelled, .unknown, .unavailable: .over
    case .refused(let message), .malformed(let message): .refused(message)
    case .packMissing: .refused("424")
    }
  }

  /// Asks the core, and answers with what came of it.
  private func command(
    _ command: DelegationCommand, _ lease: LeaseReference, _ worker: WorkerID,
    _ answer: @escaping Reporting
  ) {
    let actor = Actor(kind: .worker, name: worker.rawValue)
    ask({ .delegation(DelegationID(lease.delegation), .command(command, actor, $0)) }) {
      world, reply in
      guard let reply else { return }
      answer(world, WorkerFault(reply))
    }
  }

  // MARK: Life

  private func register(_ told: Registration, _ answer: @escaping Answering) {
    let id = WorkerID(told.worker)
    let command = WorkerCommand.register(
      host: told.host, version: told.version, agents: told.agents, local: told.local)
    let journal = told.journal.map {
      EngineCore.HeldAttempt(
        delegation: DelegationID($0.lease.delegation), attempt: $0.lease.attempt,
        hasCommit: $0.commit != nil, usage: $0.used ?? AgentUsage())
    }
    ask({ .worker(id, .command(command, Actor(kind: .worker, name: told.worker), $0)) }) {
      world, reply in
      guard case .done? = reply, let core = world.server.core,
        let incarnation = core.workers[id]?.incarnation
      else { return answer(world, .failed(.unreachable("not recorded"))) }
      let goesOn = core.goesOn(journal, of: id)
      world.step(.registered(id, journal: journal, local: told.local))
      let discard = zip(told.journal, goesOn).filter { !$0.1 }.map(\.0.lease)
      answer(
        world,
        .registered(Registered(incarnation: incarnation, heartbeatMs: 2000, discard: discard)))
    }
  }

  private func poll(_ poll: DesiredPoll, _ answer: @escaping Answering) {
    let id = WorkerID(poll.worker)
    guard isKnown(id, poll.incarnation) else { return answer(self, .failed(.unknownLife)) }
    step(.heard(id, agentSilence: server.core?.workers[id]?.agentSilence))
    if let order = server.core?.order(for: id, Engine.Overrides()),
      order.revision > poll.revision
    {
      return answerPoll(of: id, answer)
    }
    let waiting = server.nextPoll()
    server.polls[id, default: []].append(
      .init(number: waiting, incarnation: poll.incarnation, answer: answer))
    let life = server.life
    after(min(max(poll.waitMs, 0), 25_000)) { world in
      guard world.server.life == life else { return }
      world.answerPolls(of: id) { $0.number == waiting }
    }
  }

  /// Answers the polls of a worker that wait, those that `isDue` names.
  func answerPolls(of id: WorkerID, where isDue: (MadeUpServer.Poll) -> Bool = { _ in true }) {
    let due = (server.polls[id] ?? []).filter(isDue)
    server.polls[id]?.removeAll(where: isDue)
    for poll in due {
      if isKnown(id, poll.incarnation) {
        answerPoll(of: id, poll.answer)
      } else {
        poll.answer(self, .failed(.unknownLife))
      }
    }
  }

  /// Its connection breaks.
  func refuse(_ poll: MadeUpServer.Poll) {
    poll.answer(self, .failed(.unreachable("the server died")))
  }

  private func answerPoll(of id: WorkerID, _ answer: Answering) {
    guard let order = server.core?.order(for: id, Engine.Overrides()) else {
      return answer(self, .failed(.unreachable("its attempt is being looked up")))
    }
    let assignment = order.assignment.map { told in
      var assignment = Assignment(
        lease: LeaseReference(
          delegation: told.delegation.rawValue, attempt: told.lease.attempt,
          token: told.lease.token.packed),
        repository: told.repository.description, branch: told.branch,
        head: (told.merge?.start ?? told.head).rawValue,
        prompt: told.prompt, commitMessage: told.commitMessage,
        agent: AgentCall(
          name: told.agent.name, isDemo: true, arguments: [], promptOnStandardInput: true,
          environment: []),
        timeoutMs: told.timeout.count, stallMs: told.workflow.stallTimeout?.count,
        outputBytesMax: told.workflow.limits.outputBytesMax)
      assignment.parents = told.merge.map { [told.head.rawValue, $0.base.rawValue] }
      return assignment
    }
    answer(
      self,
      .desired(
        Desired(
          revision: order.revision, assignment: assignment, cancel: order.cancel,
          drain: order.drain)))
  }

  // MARK: Reports

  private func holds(_ lease: LeaseReference) -> Bool {
    server.core?.holds(
      DelegationID(lease.delegation), attempt: lease.attempt,
      token: FencingToken(packed: lease.token)) ?? false
  }

  private func output(
    _ lease: LeaseReference, _ offset: Int, _ index: Int, _ answer: @escaping Answering
  ) {
    guard holds(lease) else { return answer(self, .output(.over)) }
    answer(self, .output(.end(workers[index].outputLength(lease) ?? offset)))
  }

  private func pack(
    _ lease: LeaseReference, _ commit: ObjectID, _ used: AgentUsage, _ index: Int,
    _ answer: @escaping Reporting
  ) {
    let (id, token) = (DelegationID(lease.delegation), FencingToken(packed: lease.token))
    let sent = workers[index].pack(lease)
    let handIn: HandIn
    do throws(WorkerFault) {
      guard let core = server.core else { return }
      handIn = try core.handIn(commit, of: id, attempt: lease.attempt, token: token)
    } catch {
      return answer(self, error)
    }
    let life = server.life
    after(random.draw(5...60)) { world in
      guard world.server.life == life else { return }
      guard let sent, !(world.isTroubled && world.random.chance(0.02)) else {
        return answer(world, .unavailable("git failed"))
      }
      guard sent.sha == commit, sent.message == handIn.message,
        sent.parents == [handIn.parent] + (handIn.merge.map { [$0.base] } ?? [])
      else {
        let end = AttemptEnd(
          attempt: lease.attempt, token: token, outcome: .refused, message: "another commit",
          usage: used)
        return world.command(
          .endAttempt(end), lease, WorkerID(world.workers[index].name), answer)
      }
      world.keep(sent) { world, isKept in
        answer(world, isKept ? nil : .unavailable("the log waits for its replica"))
      }
    }
  }

  private func result(
    _ report: ResultReport, _ worker: WorkerID, _ answer: @escaping Reporting
  ) {
    let (lease, token) = (report.lease, FencingToken(packed: report.lease.token))
    let usage = report.used ?? AgentUsage()
    func ended(_ outcome: AttemptEnd.Outcome, limit: AgentLimit? = nil) {
      let end = AttemptEnd(
        attempt: lease.attempt, token: token, outcome: outcome, message: report.message,
        hint: report.hint, usage: usage, limit: limit)
      command(.endAttempt(end), lease, worker, answer)
    }
    switch report.outcome {
    case .committed: finish(report, token, worker, answer)
    case .stopped:
      command(
        .confirmStopped(attempt: lease.attempt, token: token, usage: usage), lease, worker, answer)
    case .drained: ended(.released(.drained))
    case .agentFailed:
      let reset = report.limit?.resetInMs.map { moment.wall + Milliseconds($0) }
      report.limit == nil
        ? ended(.released(.agentFailed))
        : ended(.released(.agentLimited), limit: AgentLimit(reset: reset))
    case .agentTimeout: ended(.released(.agentTimeout))
    case .agentNotFound: ended(.released(.agentNotFound))
    case .noChanges: ended(.released(.noChanges))
    case .verifyFailed: ended(.released(.verifyFailed))
    case .refused: ended(.refused)
    case .workerFault: ended(.released(.workerFault))
    }
  }

  private func finish(
    _ report: ResultReport, _ token: FencingToken, _ worker: WorkerID,
    _ answer: @escaping Reporting
  ) {
    let (id, attempt) = (DelegationID(report.lease.delegation), report.lease.attempt)
    let commit = ObjectID(report.commit ?? "")
    guard let core = server.core else { return }
    if core.isAccepted(commit, of: id, attempt: attempt, token: token) { return answer(self, nil) }
    do throws(WorkerFault) {
      let handIn = try core.handIn(commit, of: id, attempt: attempt, token: token)
      guard server.mirror[commit] != nil || cluster?.packs[commit] != nil else {
        throw .packMissing
      }
      let run = RunReport(
        duration: Milliseconds(report.durationMs), outputSize: report.outputBytes,
        outputDigest: report.outputDigest, usage: report.used ?? AgentUsage())
      let change = HandInFigures(filesChanged: 1, insertions: 1, deletions: 0)
      command(
        .acceptCommit(handIn.generated(change, run, token: token)), report.lease, worker, answer)
    } catch {
      answer(self, error)
    }
  }
}
