// How the events of a conversation change the delegation that it belongs to.

extension DelegationState {
  /// Whether the delegation allows an event of its conversation.
  func allows(_ event: ConversationEvent) -> Bool {
    guard let pullRequest = delegation?.pullRequest, let conversation = delegation?.conversation
    else { return false }
    switch event {
    case .feedbackRecorded(let e):
      return !conversation.recorded.contains(e.feedback.id)
    case .feedbackJudged(let e):
      guard let waiting = conversation.waiting.first(where: { $0.id == e.id }) else {
        return false
      }
      switch e.standing {
      case .counts: return !waiting.counts
      case .ignored: return true
      case .examined: return false
      }
    case .roundStarted(let e):
      guard pullRequest.state == .open else { return false }
      let counted = Set(conversation.counted.map(\.id))
      return !e.takes.isEmpty && Set(e.takes).count == e.takes.count
        && counted.isSuperset(of: e.takes)
        && !conversation.rounds.contains { $0.delegation == e.delegation }
    case .roundEnded(let e): return conversation.openRounds.contains(e.delegation)
    case .roundResumed(let id):
      return conversation.rounds.contains { $0.delegation == id && !$0.isOpen }
    case .roundsStopped(let e):
      return Set(conversation.counted.map(\.id)).isSuperset(of: e.drops)
    }
  }
}

extension Conversation {
  /// Applies an event that is allowed.
  mutating func take(_ event: ConversationEvent) {
    switch event {
    case .feedbackRecorded(let e): record(e)
    case .feedbackJudged(let e): judge(e)
    case .roundStarted(let e): start(e)
    case .roundEnded(let e): end(e)
    case .roundResumed(let id): setOpen(true, id)
    case .roundsStopped(let e): stop(e)
    }
  }
}
