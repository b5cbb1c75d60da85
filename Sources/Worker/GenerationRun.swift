// One generation: the setup commands, the agent, and the verification; if that fails, the agent
// again with its output, for the number of rounds of the workflow.
//
// All commands run as the agent does, in its sandbox and within its limits, and write to the same
// output. The repository's own file is read from the commit that the branch starts at, never from
// the tree.

import NetworkRules
import Processes
import WorkerProtocol
import Workflows

struct GenerationRun: Sendable {
  /// One run of the agent.
  typealias Work =
    @Sendable (
      _ turn: Turn, _ onStart: @escaping @Sendable (Int32) -> Void,
      _ onOutput: @escaping @Sendable ([UInt8]) async -> Void
    ) async -> AgentEnd

  /// What the agent is asked for in one run, besides its task.
  struct Turn: Sendable {
    /// How its work failed the verification; nil in the first run.
    var feedback: String?

    /// - Parameter task: for an agent that begins its conversation, or that continues it.
    func prompt(_ task: String) -> String {
      feedback.map { "\(task)\n\n\($0)" } ?? task
    }
  }

  /// The commands run like this agent.
  let agent: AgentProcess
  /// Including the repository's settings.
  let plan: CommandPlan?
  let work: Work

  /// The part of a verification's output that the agent gets, in bytes.
  private static let feedbackBytesMax = 16_000
  /// The part in a message.
  private static let messageBytesMax = 2000

  func run(
    onStart: @escaping @Sendable (Int32) -> Void,
    onOutput: @escaping @Sendable ([UInt8]) async -> Void
  ) async -> AgentEnd {
    guard let plan, !(plan.setup.isEmpty && plan.verify.isEmpty) else {
      return await work(Turn(), onStart, onOutput)
    }
    let commands = Commands(agent: agent, plan: plan, onStart: onStart, onOutput: onOutput)
    if let failure = await commands.firstFailure(plan.setup, "setup") {
      return failure.end ?? .unprepared(failure.message(Self.messageBytesMax))
    }
    var turn = Turn()
    for round in 0...max(0, plan.rounds) {
      let end = await work(turn, onStart, onOutput)
      guard end == .finished else { return end }
      guard let failure = await commands.firstFailure(plan.verify, "verify") else { return end }
      if let end = failure.end { return end }
      if round == plan.rounds { return .unverified(failure.message(Self.messageBytesMax)) }
      turn.feedback = Self.feedback(failure)
    }
    return .finished
  }

  private static func feedback(_ failure: Commands.Failure) -> String {
    """
    You have worked on this already; your changes are in the working tree. They were checked with
    `\(failure.command)`, and that failed. Mend what is wrong. It said:

    \(failure.said(feedbackBytesMax))
    """
  }

  /// An assignment with the settings of the repository's file: commands that the workflow permits
  /// it to set, and a narrower network policy.
  /// - Parameter file: the content of the repository's file; nil if absent.
  static func narrowed(
    _ assignment: Assignment, by file: [UInt8]?
  ) throws(WorkflowFaults) -> Assignment {
    guard var plan = assignment.commands, let file else { return assignment }
    var assignment = assignment
    var rules = CommandRules()
    rules.setup = plan.setup
    rules.verify = plan.verify
    rules.repositoryMaySet = Set(
      plan.repositoryMaySet.compactMap { CommandRules.Setting(rawValue: $0) })
    let merged = try rules.merged(
      withRepositoryFile: String(decoding: file, as: UTF8.self))
    plan.setup = merged.setup
    plan.verify = merged.verify
    assignment.commands = plan
    if let network = merged.repositoryNetwork, var rules = assignment.agent.sandbox {
      rules.network = rules.network.narrowed(by: network)
      assignment.agent.sandbox = rules
    }
    return assignment
  }
}

/// Runs the commands of a plan one after another.
private struct Commands: Sendable {
  let agent: AgentProcess
  let plan: CommandPlan
  let onStart: @Sendable (Int32) -> Void
  let onOutput: @Sendable ([UInt8]) async -> Void

  struct Failure: Sendable {
    let command: String
    let how: String
    let output: [UInt8]
    /// Set if the command itself did not fail: it was stopped, or could not be observed.
    let end: AgentEnd?

    func said(_ bytes: Int) -> String { String(decoding: output.suffix(bytes), as: UTF8.self) }

    func message(_ bytes: Int) -> String {
      let said = said(bytes)
      return "\(command) \(how)" + (said.isEmpty ? "" : "; it said: \(said)")
    }
  }

  /// - Returns: nil if all succeeded.
  func firstFailure(_ commands: [[String]], _ kind: String) async -> Failure? {
    for words in commands {
      let command = words.joined(separator: " ")
      await onOutput(Array("\n[aipm: \(kind): \(command)]\n".utf8))
      let said = SharedTail(limit: 32_000)
      let end = await process(words, kind).run(onStart: onStart) { chunk in
        said.append(chunk)
        await onOutput(chunk)
      }.end
      func failure(_ how: String, _ end: AgentEnd? = nil) -> Failure {
        Failure(command: "\(kind): \(command)", how: how, output: said.tail.bytes, end: end)
      }
      switch end {
      case .finished: continue
      case .failed(let how): return failure(how)
      case .exited(let code): return failure("ended with exit code \(code)")
      case .signalled(let signal): return failure("was ended by signal \(signal)")
      case .notFound, .notStarted: return failure("could not be started: there is no such program")
      case .stopped, .lost, .exceeded, .unverified, .unprepared, .limited:
        return failure("", end)
      }
    }
    return nil
  }

  private func process(_ words: [String], _ kind: String) -> AgentProcess {
    var process = agent
    process.call.name = kind
    process.call.isDemo = false
    process.call.arguments = words.map { .init(kind: .literal, text: $0) }
    process.call.promptOnStandardInput = false
    process.call.environment = plan.environment
    process.call.reading = nil
    process.call.session = nil
    process.call.resumeArguments = nil
    return process
  }
}
