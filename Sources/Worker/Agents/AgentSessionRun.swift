// One attempt with an agent that stays: a session of its own, one prompt, and its end.

import Domain
import Egress
import Glibc
import Logging
import NetworkRules
import Processes
import Synchronization
import SystemCalls
import Text
import WorkerProtocol
import Workflows

/// The agents that stay and are idle.
actor WarmAgents {
  /// So many are kept; what was idle for longest goes first.
  private static let keptMax = 2
  private var idle: [PersistentAgent] = []

  /// An idle agent with this call; nil if absent.
  func take(_ call: AgentCall, _ place: PersistentFiles) async -> PersistentAgent? {
    while let index = idle.lastIndex(where: { $0.call == call && $0.place == place }) {
      let agent = idle.remove(at: index)
      if agent.isFit { return agent }
      await agent.end()
    }
    return nil
  }

  func put(_ agent: PersistentAgent) async {
    idle.append(agent)
    while idle.count > Self.keptMax { await idle.removeFirst().end() }
  }

  func endAll() async {
    let all = idle
    idle = []
    for agent in all { await agent.end() }
  }
}

struct AgentSessionRun: Sendable {
  let call: AgentCall
  let session: AgentSession
  var turn = GenerationRun.Turn()
  let prompt: String
  /// The prompt for an agent that continues its conversation.
  var resumePrompt: String?
  let continuation: Continuation
  let attempt: AttemptFiles
  /// Of the tree's folder while the agent has it.
  let treeName: String
  /// `OWNER/REPO`: an agent stays with one repository, so that it sees nothing of another.
  let repository: String
  /// The folder of the clone's objects, which the tree's own repository borrows.
  let objects: String
  let files: WorkerFiles
  /// nil: the agent sees what this user sees.
  let sandbox: Sandbox?
  /// What a new process of the agent gets.
  let makeNetwork: @Sendable () -> SandboxNetwork
  let policy: NetworkPolicy
  /// Where it is written down what the agent reached.
  let ledger: EgressLedger
  let warm: WarmAgents
  let version: String
  let log: OutputLog
  let heard: @Sendable (OutputLog.Size) -> Void
  /// Called with what the agent has used so far, when that changes.
  var onUsage: @Sendable (AgentUsage) -> Void = { _ in }
  /// Replaces the HOME, if it is of an earlier life of the worker.
  /// - Returns: whether it was.
  var renewHome: @Sendable (PersistentFiles) async -> Bool = { _ in false }
  /// How long the agent has to say hello, and to open a session.
  var greetingTimeout = Duration.seconds(30)

  private struct Opened {
    var agent: PersistentAgent
    var id: String
    var client: SessionClient
    /// Whether it is a session of an earlier round.
    var isLoaded = false
  }

  /// Works until the agent says that it is done. Cancelling the Swift task asks the agent to stop;
  /// if it does not answer that in time, its process is ended. On return it is idle or gone.
  func run(
    onStart: @escaping @Sendable (AgentIdentity, _ session: String) -> Void
  ) async -> AgentProcess.Outcome {
    guard let place = files.persistent(call.name, repository) else {
      return .init(end: .notStarted("\(call.name), \(repository): no name for a folder"))
    }
    // The agent sees the trees in its own folder, and no other file of the worker.
    let tree = place.tree(treeName)
    do throws(FileFault) {
      try DurableFile.makeFolder(place.trees)
      guard rename(attempt.tree, tree) == 0 else { throw .last("rename", attempt.tree) }
    } catch {
      return .init(end: .lost("\(error)"))
    }
    let outcome = await run(place, tree, onStart: onStart)
    try? TreeRoot(path: tree).makeAccessible()
    guard rename(tree, attempt.tree) == 0 || !DurableFile.exists(tree) else {
      return .init(end: .lost("\(FileFault.last("rename", tree))"), usage: outcome.usage)
    }
    return outcome
  }

  private func run(
    _ place: PersistentFiles, _ tree: String,
    onStart: @escaping @Sendable (AgentIdentity, _ session: String) -> Void
  ) async -> AgentProcess.Outcome {
    let opened: Opened
    do throws(AgentFault) {
      opened = try await open(place, tree)
    } catch {
      return .init(end: Task.isCancelled ? .stopped : error.end)
    }
    let agent = opened.agent
    onStart(agent.identity, opened.id)
    if !opened.isLoaded { continuation.abandon() }
    continuation.settle(session: opened.id)
    let (answer, excess) = await watched(opened, place)
    agent.serve(nil)
    // Idle, it reaches nothing, and nobody's ledger.
    agent.reach(NetworkPolicy(), EgressLedger())
    if case .success(let result) = answer { opened.client.take(final: result["usage"]) }
    opened.client.finish()
    if agent.isFit {
      agent.endStrays()
      await warm.put(agent)
    } else {
      await agent.end()
    }
    // What the kernel ended it for is known once it is gone.
    let end = excess.map { AgentEnd.exceeded("\(call.name): \($0)") } ?? end(answer, agent)
    return .init(
      end: end, usage: opened.client.used, words: opened.client.lastWords, session: opened.id)
  }

  // MARK: Opening

  /// A session with an idle agent, or with a new one. An agent that broke while it was idle is not
  /// held against the attempt.
  private func open(
    _ place: PersistentFiles, _ tree: String
  ) async throws(AgentFault) -> Opened {
    if let idle = await warm.take(call, place) {
      do throws(AgentFault) { return try await open(idle, tree) } catch {
        await idle.end()
      }
    }
    do throws(AgentFault) { return try await openWithNew(place, tree) } catch {
      guard !Task.isCancelled else { throw error }
      // It may be what an earlier process left there.
      let isRenewed = await renewHome(place)
      // One that broke while it loaded a session may be able to begin a new one.
      guard isRenewed || continuation.next != nil else { throw error }
      continuation.abandon()
      return try await openWithNew(place, tree)
    }
  }

  private func openWithNew(
    _ place: PersistentFiles, _ tree: String
  ) async throws(AgentFault) -> Opened {
    let network = makeNetwork()
    network.begin(policy, ledger)
    let fresh = try await PersistentAgent.start(
      call, place, sandbox: sandbox, network: network, objects: objects, version: version,
      within: greetingTimeout)
    do throws(AgentFault) { return try await open(fresh, tree) } catch {
      await fresh.end()
      throw error
    }
  }

  private func open(
    _ agent: PersistentAgent, _ tree: String
  ) async throws(AgentFault) -> Opened {
    if let loaded = try await load(agent, tree) { return loaded }
    let client = SessionClient(session, tree: tree, log: log, heard: heard, onUsage: onUsage)
    agent.serve(client)
    agent.reach(policy, ledger)
    let answer = await agent.peer.request(
      "session/new", .object(["cwd": .string(tree), "mcpServers": .array([])]),
      within: greetingTimeout)
    switch answer {
    case .failure(let fault):
      throw AgentFault(end: .failed(agent.words(of: fault, in: "session/new")))
    case .success(let result):
      guard let id = result["sessionId"].stringValue else {
        throw AgentFault(end: .failed("\(call.name) opened a session without an id"))
      }
      client.open(id)
      agent.settle()
      return Opened(agent: agent, id: id, client: client)
    }
  }

  /// Loads the session of an earlier round, if the agent says that it can. It repeats what was said
  /// in it before it answers, which is not part of this attempt.
  /// - Returns: nil if it cannot.
  private func load(
    _ agent: PersistentAgent, _ tree: String
  ) async throws(AgentFault) -> Opened? {
    guard let id = continuation.next?.session, agent.loadsSessions else { return nil }
    agent.serve(nil)
    agent.reach(policy, ledger)
    let answer = await agent.peer.request(
      "session/load",
      .object(["sessionId": .string(id), "cwd": .string(tree), "mcpServers": .array([])]),
      within: greetingTimeout)
    switch answer {
    case .success:
      let client = SessionClient(session, tree: tree, log: log, heard: heard, onUsage: onUsage)
      client.open(id)
      agent.serve(client)
      agent.settle()
      return Opened(agent: agent, id: id, client: client, isLoaded: true)
    case .failure(.refused):
      log.append(Array("[aipm: the session \(id) cannot be loaded: a new one begins]\n".utf8))
      return nil
    case .failure(let fault):
      throw AgentFault(end: .failed(agent.words(of: fault, in: "session/load")))
    }
  }

  // MARK: Working

  /// Converses, and ends the agent where it takes more of the machine than it may.
  private func watched(
    _ opened: Opened, _ place: PersistentFiles
  ) async -> (answer: RPCPeer.Outcome, excess: String?) {
    let watch = ResourceWatch(
      folder: place.folder, diskBytesMax: call.diskBytesMax, processesMax: call.processesMax,
      memoryBytesMax: call.memoryBytesMax, isSandboxed: sandbox != nil)
    let watching = Task { () -> String? in
      let process = opened.agent.identity.processID
      let excess = await watch.run { process }
      if let excess { opened.agent.peer.close(excess) }
      return excess
    }
    let answer = await converse(opened)
    watching.cancel()
    let excess = await watching.value
    guard excess == nil, case .success = answer else { return (answer, excess) }
    return (answer, await watch.finalExcess())
  }

  private func converse(_ opened: Opened) async -> RPCPeer.Outcome {
    let (agent, client) = (opened.agent, opened.client)
    let id = JSONValue.string(opened.id)
    let text = turn.prompt(opened.isLoaded ? resumePrompt ?? prompt : prompt)
    let prompt = JSONValue.array([.object(["type": "text", "text": .string(text)])])
    let timer = Mutex<Task<Void, Never>?>(nil)
    let answer = await withTaskCancellationHandler {
      await agent.peer.request("session/prompt", .object(["sessionId": id, "prompt": prompt]))
    } onCancel: {
      client.cancel()
      agent.peer.notify("session/cancel", .object(["sessionId": id]))
      let ending = Task {
        do { try await Task.sleep(for: AgentProcess.grace) } catch { return }
        agent.peer.close("it did not stop when it was asked to")
      }
      timer.withLock { $0 = ending }
    }
    timer.withLock { $0?.cancel() }
    return answer
  }

  private func end(_ answer: RPCPeer.Outcome, _ agent: PersistentAgent) -> AgentEnd {
    switch answer {
    case .failure(let fault):
      if let excess = agent.excess { return excess }
      return Task.isCancelled ? .stopped : .failed(agent.words(of: fault, in: "session/prompt"))
    case .success(let result):
      switch result["stopReason"].stringValue {
      case "end_turn": return .finished
      case "cancelled" where Task.isCancelled: return .stopped
      case "cancelled": return .failed("\(call.name) says that it was cancelled")
      case "max_tokens": return .failed("\(call.name) reached its limit of tokens")
      case "max_turn_requests": return .failed("\(call.name) reached its limit of turns")
      case "refusal": return .failed("\(call.name) refused the task")
      case let other:
        return .failed("\(call.name) stopped for a reason that is not known: \(other ?? "none")")
      }
    }
  }
}
