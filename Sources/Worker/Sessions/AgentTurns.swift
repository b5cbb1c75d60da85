// The runs of an agent in one attempt: it continues the conversation of an earlier round if there
// is one, and begins a new one if that fails.
//
// Whether it failed is decided by facts: the program ended by itself, without success, before it
// named its conversation and within `patience`, and the working tree is as it was. Any other
// failure is the attempt's.

import Domain
import Synchronization
import WorkerProtocol

/// Whether the agent of an attempt continues a conversation. The first answer is final.
final class Continuation: Sendable {
  private struct State {
    /// The conversation that the next run continues; nil for a new one.
    var next: SessionRecord?
    /// What the agent calls its last conversation, and what it has used in it.
    var session: String?
    var used = AgentUsage()
    var isSettled: Bool
  }

  private let state: Mutex<State>
  private let onSettled: @Sendable (_ session: String?, _ continues: String?) -> Void

  /// - Parameter record: nil if there is nothing to continue.
  init(
    _ record: SessionRecord?,
    onSettled: @escaping @Sendable (_ session: String?, _ continues: String?) -> Void
  ) {
    state = Mutex(State(next: record, session: nil, isSettled: record == nil))
    self.onSettled = onSettled
  }

  var next: SessionRecord? { state.withLock { $0.next } }
  var session: String? { state.withLock { $0.session } }
  var used: AgentUsage { state.withLock { $0.used } }
  var isSettled: Bool { state.withLock { $0.isSettled } }

  /// The agent works in this conversation.
  /// - Parameter session: what it calls it; nil if it did not say.
  func settle(session: String? = nil) {
    let continued = state.withLock { state -> SessionRecord?? in
      if let session { state.session = session }
      if let session, state.next?.session != nil { state.next?.session = session }
      guard !state.isSettled else { return nil }
      state.isSettled = true
      return .some(state.next)
    }
    guard let continued else { return }
    onSettled(session ?? continued?.session, continued?.key.delegation)
  }

  /// A run in the conversation has ended.
  func end(_ outcome: AgentProcess.Outcome) {
    settle(session: outcome.session)
    state.withLock { state in
      state.used = outcome.total
      state.next?.used = outcome.total.isEmpty ? nil : outcome.total
    }
  }

  /// The conversation cannot be continued: a new one begins.
  func abandon() {
    state.withLock { state in
      state.next = nil
      state.session = nil
    }
  }
}

/// The runs of a program that is started for each attempt.
struct AgentTurns: Sendable {
  let agent: AgentProcess
  /// nil if this agent continues no conversations.
  let place: SessionPlace?
  /// The prompt for an agent that continues.
  let resumePrompt: String?
  let continuation: Continuation
  let sessions: SessionStore
  let onOutput: @Sendable ([UInt8]) async -> Void
  let onUsage: @Sendable (AgentUsage) -> Void
  /// The usage of a run that has ended, if another run follows.
  let onEndedUsage: @Sendable (AgentUsage) -> Void

  /// How long a program may take to find out that it cannot continue.
  static let patience = Duration.seconds(15)

  func run(
    _ turn: GenerationRun.Turn, onStart: @escaping @Sendable (Int32) -> Void
  ) async -> AgentProcess.Outcome {
    if let record = continuation.next {
      let prompt = turn.prompt(resumePrompt ?? agent.prompt)
      if agent.canResume(prompt) {
        if let outcome = await resumed(record, prompt, onStart) { return outcome }
      } else {
        continuation.abandon()
        continuation.settle()
      }
    }
    let outcome = await agent.with(prompt: turn.prompt(agent.prompt)).run(
      onStart: onStart, onOutput: onOutput, onUsage: onUsage)
    continuation.end(outcome)
    return outcome
  }

  /// - Returns: nil if the conversation could not be continued.
  private func resumed(
    _ record: SessionRecord, _ prompt: String, _ onStart: @escaping @Sendable (Int32) -> Void
  ) async -> AgentProcess.Outcome? {
    guard let place else { return nil }
    await note("continues the conversation of \(record.key.delegation)")
    let change = await TreeChange(place.files)
    let timer = Task {
      try await Task.sleep(for: Self.patience)
      continuation.settle()
    }
    let outcome = await agent.with(prompt: prompt, record.resumption).run(
      onStart: onStart, onOutput: onOutput, onUsage: onUsage,
      onSession: { continuation.settle(session: $0) })
    timer.cancel()
    if !continuation.isSettled, let how = Self.failure(outcome.end), let change,
      await change.isNothing()
    {
      onEndedUsage(outcome.usage)
      do { try await sessions.renew(place) } catch {
        return .init(end: .lost("\(error)"))
      }
      await note("that failed, the program \(how): a new conversation begins")
      continuation.abandon()
      continuation.settle()
      return nil
    }
    continuation.end(outcome)
    return outcome
  }

  private func note(_ text: String) async { await onOutput(Array("[aipm: \(text)]\n".utf8)) }

  /// How the program failed by itself; nil if it did not.
  private static func failure(_ end: AgentEnd) -> String? {
    switch end {
    case .exited(let code): "ended with exit code \(code)"
    case .signalled(let signal): "was ended by signal \(signal)"
    case .failed: "reported a failure"
    case .finished, .stopped, .notFound, .notStarted, .unverified, .unprepared, .exceeded, .lost,
      .limited:
      nil
    }
  }
}
