import Domain
import Workflows

/// The executor's side of the conversation on a pull request.
extension Executor {
  /// Carries out an intent of the conversation on the pull request.
  /// - Returns: whether the intent is one.
  mutating func converse(
    _ intent: Intent, _ now: Timestamp, _ actions: inout [Action]
  ) -> Bool {
    switch intent {
    case .examineFeedback(let feedback, let author):
      guard let d = state.delegation, let rounds = workflow?.rounds else {
        record(.conversation(.judge(feedback, .ignore(.sourceOff))))
        return true
      }
      run(
        ExamineFeedback(
          feedback: feedback, author: author, repository: d.request.repository, policy: rounds),
        now, &actions)
    case .startRound:
      let limits = workflow?.rounds.limits ?? RoundLimits(maximum: 0, checks: 0)
      let number = state.delegation?.conversation.rounds.count ?? 0
      record(.conversation(.startRound(RoundID.of(number, in: id), limits)))
    case .awaitRounds(let rounds):
      guard let next = rounds.first(where: { !requestedRounds.contains($0) }) else { break }
      run(RequestRound(round: next, first: id), now, &actions)
    case .resolveBase, .createBranch, .commitTask, .openPullRequest, .adopt, .dispatch,
      .awaitWorker, .push, .act, .stopAgent, .settle, .cancel:
      return false
    }
    return true
  }
}
