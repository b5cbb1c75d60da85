// An agent as a process: an argument list and never a shell, an environment from an allow-list, a
// session of its own, and nothing of it left when it has ended.

import Domain
import Processes
import Synchronization
import SystemCalls
import WorkerProtocol
import Workflows

struct AgentProcess: Sendable {
  /// The kernel's limit for one argument with its NUL (MAX_ARG_STRLEN, execve(2)).
  static let argumentBytesMax = 131_072

  var call: AgentCall
  private(set) var prompt: String
  /// Continues a conversation with what the agent calls it, if it has a name; nil: a new one.
  private(set) var resumption: Resumption?
  let files: AttemptFiles
  let home: String
  /// The program of the agent that is built in.
  let demoProgram: String
  /// Longer than the core's own limit, which it only backs up.
  let timeout: Duration
  /// nil: it sees what this user sees.
  var sandbox: Sandbox?
  let network: SandboxNetwork
  /// Of the attempt.
  let launches = LaunchCount()
  /// The prompt as a file in the tree, for as long as the agent runs.
  private let longPrompt = LongPrompt()
  /// The folder of the clone's objects, which the tree's own repository borrows.
  var objects: String?

  struct Resumption: Equatable, Sendable {
    var session: String?
    /// The totals of the conversation until now.
    var used = AgentUsage()
  }

  /// - Parameter resumption: nil for a new conversation.
  func with(prompt: String, _ resumption: Resumption? = nil) -> AgentProcess {
    var other = self
    other.prompt = prompt
    other.resumption = resumption
    return other
  }

  /// How an agent ended, and what it reported that it used.
  struct Outcome: Sendable {
    var end: AgentEnd
    var usage = AgentUsage()
    /// Its last words; nil if it gave none.
    var words: String?
    /// What it calls its conversation; nil if it did not say.
    var session: String?
    /// What the agent has used in its whole conversation, if it reports that.
    var total = AgentUsage()
  }

  /// Runs the agent to its end. Cancelling the Swift task ends it: SIGTERM to its group, SIGKILL
  /// after `grace`. On return no process of it is left.
  /// - Parameters:
  ///   - onUsage: called with what the agent has used so far, when that changes.
  ///   - onSession: called with what the agent calls its conversation, once it says so.
  func run(
    onStart: @escaping @Sendable (Int32) -> Void,
    onOutput: @escaping @Sendable ([UInt8]) async -> Void,
    onUsage: @escaping @Sendable (AgentUsage) -> Void = { _ in },
    onSession: @escaping @Sendable (String) -> Void = { _ in }
  ) async -> Outcome {
    let launch: Launch
    do { launch = try self.launch() } catch { return Outcome(end: AgentFault(error, call).end) }
    defer { longPrompt.remove() }
    let watch = SignWatch(call.reading ?? .plain, before: resumption?.used ?? AgentUsage())
    let end = await watched(onStart: onStart) { onStart in
      await follow(
        launch, watch, onStart: onStart, onOutput: onOutput, onUsage: onUsage,
        onSession: onSession)
    }
    let usage = watch.used
    guard await ProcessTable.end(.attempt(files.folder)) else {
      return Outcome(
        end: .lost("processes that the agent started could not be ended"), usage: usage)
    }
    return Outcome(
      end: end, usage: usage, words: watch.lastWords, session: watch.conversation,
      total: watch.total)
  }

  /// Runs the agent, and ends it where it takes more of the machine than it may.
  private func watched(
    onStart: @escaping @Sendable (Int32) -> Void,
    _ run: @escaping @Sendable (@escaping @Sendable (Int32) -> Void) async -> AgentEnd
  ) async -> AgentEnd {
    let watch = ResourceWatch(
      folder: files.folder, diskBytesMax: call.diskBytesMax, processesMax: call.processesMax,
      memoryBytesMax: call.memoryBytesMax, isSandboxed: sandbox != nil)
    let process = ProcessCell()
    let end = await withTaskGroup(of: (end: AgentEnd?, excess: String?).self) { group -> AgentEnd in
      group.addTask {
        let end = await run { number in
          process.put(number)
          onStart(number)
        }
        return (end, nil)
      }
      group.addTask { (nil, await watch.run { process.number }) }
      var excess: String?
      while let next = await group.next() {
        if let end = next.end {
          group.cancelAll()
          return excess.map { .exceeded("\(call.name): \($0)") } ?? end
        }
        guard let reported = next.excess else { continue }
        excess = reported
        group.cancelAll()
      }
      return .stopped
    }
    guard case .finished = end, let excess = await watch.finalExcess() else { return end }
    return .exceeded("\(call.name): \(excess)")
  }

  private func follow(
    _ launch: Launch, _ watch: SignWatch, onStart: @escaping @Sendable (Int32) -> Void,
    onOutput: @escaping @Sendable ([UInt8]) async -> Void,
    onUsage: @escaping @Sendable (AgentUsage) -> Void,
    onSession: @escaping @Sendable (String) -> Void
  ) async -> AgentEnd {
    do {
      let (result, start) = try await launch.attended { () async throws(ProcessFault) in
        try await launch.command.run(onStart: onStart) { channel, chunk in
          if let used = watch.take(channel, chunk) { onUsage(used) }
          if let session = watch.conversation { onSession(session) }
          await onOutput(chunk)
        }
      }
      if let excess = launch.excess { return .exceeded("\(call.name): \(excess)") }
      return launches.end(start, call, output: result.standardError) ?? watch.end(result.exit)
    } catch {
      return Self.end(of: error, call)
    }
  }

  /// What a process that could not be run to its end means for the attempt.
  static func end(of fault: ProcessFault, _ call: AgentCall) -> AgentEnd {
    switch fault {
    case .executableNotFound(let name):
      .notFound("\(call.name): no program \(name) on the worker's PATH")
    case .notStarted: .notStarted("\(call.name): \(fault)")
    case .timedOut, .cancelled: .stopped
    case .broken: .lost("\(call.name): \(fault)")
    }
  }

  /// Those of the call, or those for a prompt that is too long to be one of them.
  private var arguments: [AgentCall.Argument] {
    if resumption != nil { return call.resumeArguments ?? call.arguments }
    return isTooLong ? call.longPromptArguments ?? call.arguments : call.arguments
  }

  private var isTooLong: Bool {
    prompt.utf8.count >= Self.argumentBytesMax && call.arguments.contains { $0.kind == .prompt }
  }

  /// Whether a conversation can be continued with this prompt. One that is too long for an argument
  /// would be a file in the tree.
  func canResume(_ prompt: String) -> Bool {
    guard let arguments = call.resumeArguments else { return false }
    return prompt.utf8.count < Self.argumentBytesMax
      || !arguments.contains { $0.kind == .prompt }
  }

  private func launch() throws -> Launch {
    var readable = [objects].compactMap { $0 }
    if arguments.contains(where: { $0.kind == .promptFile }) {
      try DurableFile.replace(files.prompt, with: Array(prompt.utf8))
      readable.append(files.prompt)
    }
    let isInput = call.isDemo || call.promptOnStandardInput
    return try AgentProgram(
      call: call, words: words(), namedFiles: call.namedFiles, folder: files.folder,
      home: home, temporary: files.temporary, directory: files.tree, writable: [files.tree],
      readable: readable, input: isInput ? .bytes(Array(prompt.utf8)) : .none, timeout: timeout,
      sandbox: sandbox, network: network
    ).launch()
  }

  /// Program and arguments with the prompt in its place.
  private func words() throws(AgentFault) -> [String] {
    if call.isDemo { return [demoProgram, "demo-agent"] }
    guard let first = arguments.first, first.kind == .literal, !first.text.isEmpty else {
      throw AgentFault(end: .notStarted("\(call.name): its command names no program"))
    }
    // No argument can hold a NUL.
    var given = prompt.utf8.contains(0) ? prompt.filter { $0 != "\0" } : prompt
    if isTooLong, arguments.contains(where: { $0.kind == .prompt }) {
      do throws(FileFault) { given = try longPrompt.write(prompt, in: files.tree) } catch {
        throw AgentFault(end: .lost("\(call.name): the prompt's file: \(error)"))
      }
    }
    return arguments.map { argument in
      switch argument.kind {
      case .literal: argument.text
      case .prompt: given
      case .promptFile: files.prompt
      case .directory: files.tree
      case .session: resumption?.session ?? ""
      }
    }
  }

  /// The time from SIGTERM to SIGKILL. A cancellation takes no longer than this and the time that
  /// the server needs; the caller of the cancellation waits for it.
  static let grace = Duration.seconds(1)

  /// Whether util-linux's `setpriv` is there.
  static let canDieWithParent = (try? Command("setpriv", timeout: .zero).resolved()) != nil
}

/// Why an agent's program could not be started.
struct AgentFault: Error {
  let end: AgentEnd

  init(end: AgentEnd) { self.end = end }

  /// - Parameter error: the failure of what the program needs.
  init(_ error: any Error, _ call: AgentCall) {
    switch error {
    case let fault as AgentFault: self = fault
    case let fault as ProcessFault: end = AgentProcess.end(of: fault, call)
    case _: end = .lost("\(error)")
    }
  }
}

/// The number of a process that one task starts and another looks at.
private final class ProcessCell: Sendable {
  private let state = Mutex<Int32?>(nil)
  var number: Int32? { state.withLock { $0 } }
  func put(_ number: Int32) { state.withLock { $0 = number } }
}
