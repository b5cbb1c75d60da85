// The process of an agent that keeps running: started, initialized, and passed from one attempt to
// the next.
//
// It belongs to the worker, not to an attempt: it has its own folder and mark, ends with the
// worker, and if it did not, the worker's next process ends it before registering. Processes that
// it starts during an attempt are ended with the attempt.

import Egress
import Glibc
import NetworkRules
import Processes
import Synchronization
import SystemCalls
import Text
import WorkerProtocol
import Workflows

final class PersistentAgent: Sendable {
  /// One that has run for longer is replaced, even if it is working.
  private static let lifeMax = Duration.seconds(7 * 24 * 3600)

  let call: AgentCall
  let place: PersistentFiles
  let identity: AgentIdentity
  let peer: RPCPeer
  private let sessions: Sessions
  private let network: SandboxNetwork
  private let process: Task<Void, Never>
  /// Whether it says that it can load sessions.
  private let loads = Mutex(false)
  var loadsSessions: Bool { loads.withLock { $0 } }
  /// Its own processes: those that existed when its first session was opened.
  private let own = Mutex<Set<Int32>?>(nil)

  private final class Sessions: Sendable {
    private let client = Mutex<SessionClient?>(nil)
    private let failure = Mutex<AgentEnd?>(nil)
    /// Why the program never ran, or the limit for which the kernel ended it; nil while it may run,
    /// or if it ended otherwise.
    var launchFailure: AgentEnd? {
      get { failure.withLock { $0 } }
      set { failure.withLock { $0 = newValue } }
    }
    var current: SessionClient? {
      get { client.withLock { $0 } }
      set { client.withLock { $0 = newValue } }
    }
  }

  private init(
    _ call: AgentCall, _ place: PersistentFiles, _ identity: AgentIdentity, _ peer: RPCPeer,
    _ sessions: Sessions, _ network: SandboxNetwork, _ process: Task<Void, Never>
  ) {
    self.call = call
    self.identity = identity
    self.peer = peer
    self.place = place
    self.sessions = sessions
    self.network = network
    self.process = process
  }

  // MARK: Life

  /// Starts one and initializes it.
  /// - Parameter network: owned by the agent from now on; it serves the current attempt.
  static func start(
    _ call: AgentCall, _ place: PersistentFiles, sandbox: Sandbox?, network: SandboxNetwork,
    objects: String, version: String, within limit: Duration
  ) async throws(AgentFault) -> PersistentAgent {
    guard let session = call.session else {
      throw AgentFault(end: .notStarted("\(call.name): its command names no program"))
    }
    let launch: Launch
    do {
      for folder in [place.home, place.temporary, place.trees] {
        try DurableFile.makeFolder(folder)
      }
      launch = try AgentProgram(
        call: call, words: session.arguments,
        namedFiles: AgentCall.namedFiles(session.arguments), folder: place.folder,
        home: place.home, temporary: place.temporary, directory: place.home,
        writable: [place.trees], readable: [objects], timeout: lifeMax, sandbox: sandbox,
        network: network
      ).launch()
    } catch {
      throw AgentFault(error, call)
    }
    let agent: PersistentAgent
    do throws(AgentFault) { agent = try await started(call, launch, place, network) } catch {
      await network.close()
      throw error
    }
    do {
      try await agent.greet(session, version: version, within: limit)
    } catch {
      await agent.end()
      throw agent.sessions.launchFailure.map { AgentFault(end: $0) } ?? error
    }
    return agent
  }

  private static func started(
    _ call: AgentCall, _ launch: Launch, _ place: PersistentFiles, _ network: SandboxNetwork
  ) async throws(AgentFault) -> PersistentAgent {
    let sessions = Sessions()
    let peer = RPCPeer(
      .init(
        request: { method, parameters in
          guard let current = sessions.current, current.isMeant(parameters) else {
            return .failure(
              .refused(code: RPCPeer.Code.internalError, message: "there is no session"))
          }
          return current.answer(method, parameters)
        },
        notification: { method, parameters in
          guard method == "session/update", let current = sessions.current,
            current.isMeant(parameters)
          else { return }
          current.take(update: parameters["update"])
        }, strange: { sessions.current?.say($0 + [0x0a]) }))
    let (starts, start) = AsyncStream.makeStream(of: Result<AgentIdentity, AgentFault>.self)
    let process = Task {
      do throws(ProcessFault) {
        let ((_, result), reached) = try await launch.attended { () async throws(ProcessFault) in
          try await launch.command.converse(
            onStart: { number in
              if let identity = ProcessTable.identity(of: number) {
                start.yield(.success(identity))
              }
            },
            onError: { sessions.current?.say($0) },
            { input, output in try await peer.carry(input, output) })
        }
        if let excess = launch.excess {
          sessions.launchFailure = .exceeded("\(call.name): \(excess)")
        } else if let end = LaunchCount().end(reached, call, output: result.standardError) {
          sessions.launchFailure = end
        }
        peer.close(ended(result))
      } catch {
        start.yield(.failure(AgentFault(end: AgentProcess.end(of: error, call))))
        peer.close("\(error)")
      }
      start.finish()
    }
    var first: Result<AgentIdentity, AgentFault>?
    for await result in starts {
      first = result
      break
    }
    if case .success(let identity) = first {
      return PersistentAgent(call, place, identity, peer, sessions, network, process)
    }
    // The waiting task may have been cancelled although the program was started, and nothing else
    // would end it.
    peer.close("it was ended")
    process.cancel()
    await process.value
    _ = await ProcessTable.end(.attempt(place.folder))
    _ = try first?.get()
    throw AgentFault(
      end: .failed(
        Task.isCancelled
          ? "\(call.name) was cancelled" : "\(call.name) ended as soon as it was started"))
  }

  private static func ended(_ result: ProcessResult) -> String {
    switch result.exit {
    case .exited(let code): "it ended with exit code \(code)"
    case .signalled(let signal): "it was ended by signal \(signal)"
    }
  }

  private func greet(
    _ session: AgentSession, version: String, within limit: Duration
  ) async throws(AgentFault) {
    let greeting = await peer.request(
      "initialize",
      .object([
        "protocolVersion": .integer(1),
        "clientCapabilities": .object([
          "fs": .object([
            "readTextFile": .bool(session.accessesFiles),
            "writeTextFile": .bool(session.accessesFiles),
          ]), "terminal": .bool(false),
        ]),
        "clientInfo": .object(["name": "aipm", "version": .string(version)]),
      ]), within: limit)
    switch greeting {
    case .failure(let fault): throw AgentFault(end: .failed(words(of: fault, in: "initialize")))
    case .success(let answer):
      let spoken = answer["protocolVersion"].integerValue ?? 0
      guard spoken == 1 else {
        throw AgentFault(
          end: .failed("\(call.name) speaks version \(spoken) of its protocol; version 1 is known"))
      }
      loads.withLock { $0 = answer["agentCapabilities"]["loadSession"].boolValue ?? false }
    }
  }

  func words(of fault: RPCFault, in method: String) -> String {
    switch fault {
    case .refused(RPCPeer.Code.authenticationRequired, let message):
      "\(call.name) is not signed in: \(message)"
    case .refused(let code, let message):
      "\(call.name) refused \(method): \(message.prefix(300)) (\(code))"
    case .closed(let reason): "\(call.name) went wrong in \(method): \(reason)"
    case .timedOut(let limit): "\(call.name) did not answer \(method) within \(limit)"
    }
  }

  /// The limit for which the kernel ended it; nil if it did not.
  var excess: AgentEnd? {
    if case .exceeded = sessions.launchFailure { sessions.launchFailure } else { nil }
  }

  /// Whether it can have another session.
  var isFit: Bool { peer.closed == nil }

  /// Ends it with all its child processes, and returns afterwards.
  func end() async {
    peer.close("it was ended")
    process.cancel()
    await process.value
    await network.close()
    _ = await ProcessTable.end(.attempt(place.folder))
  }

  // MARK: Sessions

  /// Sets the network policy and the ledger from now on.
  func reach(_ policy: NetworkPolicy, _ ledger: EgressLedger) { network.begin(policy, ledger) }

  func serve(_ client: SessionClient?) { sessions.current = client }

  /// Called when a session is open and idle: the processes that run now are the agent's own.
  func settle() {
    guard own.withLock({ $0 == nil }) else { return }
    let processes = Set(ProcessTable.processes(of: .attempt(place.folder)))
    own.withLock { $0 = processes }
  }

  /// Ends processes that are not its own.
  func endStrays() {
    guard let own = own.withLock({ $0 }) else { return }
    for process in ProcessTable.processes(of: .attempt(place.folder)) where !own.contains(process) {
      kill(process, SIGKILL)
    }
  }
}
