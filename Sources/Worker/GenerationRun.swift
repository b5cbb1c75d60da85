// One generation: what prepares the tree, the agent, and what verifies its work; where that fails,
// the agent again with what was said, for as many rounds as the workflow gives it.
//
// Everything runs as the agent does, in its sandbox and within its limits, and says what it says in
// the same output. What a repository's own file wants done is read from the commit that the branch
// was made from, never from the tree.

import NetworkRules
import Processes
import WorkerProtocol
import Workflows

struct GenerationRun: Sendable {
  /// One go of the agent at what it is told.
  typealias Work =
    @Sendable (
      _ prompt: String, _ onStart: @escaping @Sendable (Int32) -> Void,
      _ onOutput: @escaping @Sendable ([UInt8]) async -> Void
    ) async -> AgentEnd

  /// As which the commands run.
  let agent: AgentProcess
  /// With what the repository set of it.
  let plan: CommandPlan?
  let work: Work

  /// What goes back to the agent of what a verification said, in bytes.
  private static let feedbackBytesMax = 16_000
  /// What of it is told in a message.
  private static let messageBytesMax = 2000

  func run(
    onStart: @escaping @Sendable (Int32) -> Void,
    onOutput: @escaping @Sendable ([UInt8]) async -> Void
  ) async -> AgentEnd {
    guard let plan, !(plan.setup.isEmpty && plan.verify.isEmpty) else {
      return await work(agent.prompt, onStart, onOutput)
    }
    let commands = Commands(agent: agent, plan: plan, onStart: onStart, onOutput: onOutput)
    if let failure = await commands.firstFailure(plan.setup, "setup") {
      return failure.end ?? .unprepared(failure.message(Self.messageBytesMax))
    }
    var prompt = agent.prompt
    for round in 0...max(0, plan.rounds) {
      let end = await work(prompt, onStart, onOutput)
      guard end == .finished else { return end }
      guard let failure = await commands.firstFailure(plan.verify, "verify") else { return end }
      if let end = failure.end { return end }
      if round == plan.rounds { return .unverified(failure.message(Self.messageBytesMax)) }
      prompt = Self.feedback(agent.prompt, failure)
    }
    return .finished
  }

  private static func feedback(_ prompt: String, _ failure: Commands.Failure) -> String {
    """
    \(prompt)

    You have worked on this already; your changes are in the working tree. They were checked with
    `\(failure.command)`, and that failed. Mend what is wrong. It said:

    \(failure.said(feedbackBytesMax))
    """
  }

  /// An assignment with what the repository may set of it: commands that the workflow leaves to it,
  /// and less of a network than the workflow allows.
  /// - Parameter file: the content of the repository's file; nil where it has none.
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

/// The commands of a plan, run one after the other.
private struct Commands: Sendable {
  let agent: AgentProcess
  let plan: CommandPlan
  let onStart: @Sendable (Int32) -> Void
  let onOutput: @Sendable ([UInt8]) async -> Void

  struct Failure: Sendable {
    let command: String
    let how: String
    let output: [UInt8]
    /// Set where it is no failure of the command: it was ended, or could not be followed.
    let end: AgentEnd?

    func said(_ bytes: Int) -> String { String(decoding: output.suffix(bytes), as: UTF8.self) }

    func message(_ bytes: Int) -> String {
      let said = said(bytes)
      return "\(command) \(how)" + (said.isEmpty ? "" : "; it said: \(said)")
    }
  }

  /// - Returns: nil where all of them ended well.
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
      case .stopped, .lost, .exceeded, .unverified, .unprepared: return failure("", end)
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
    return process
  }
}
