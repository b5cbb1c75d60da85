import Domain

/// What an executor waits for.
extension Executor {
  /// Nothing is in progress, and nothing happens without a command.
  package var isAtRest: Bool {
    writer.isIdle && effect == nil && !isUnsure && (state.name?.isTerminal ?? true)
      && (state.nextIntent == nil || corrupt != nil)
  }

  /// Whether events are being appended: readers of the log may know them before this does.
  var isAppending: Bool { writer.appending != nil }

  /// Whether it waits for a worker and for nothing else.
  package func isReady(at now: Timestamp) -> Bool {
    guard case .dispatch = state.nextIntent, writer.isIdle, corrupt == nil, assignee == nil,
      effect == nil, !isHeld, !isUnsure
    else { return false }
    return (state.nextIntentDue ?? now) <= now
  }

  /// Whether it waits for a worker, a time or its branch, and for nothing else. What it knows is in
  /// its stream, except for a head that is read again before it is used.
  func onlyWaits(at now: Timestamp) -> Bool {
    guard writer.isIdle, effect == nil, corrupt == nil, assignee == nil, state.lease == nil,
      !isUnsure,
      let intent = state.nextIntent
    else { return false }
    return isReady(at: now) || wakeAt != nil || (isHeld && !intent.isAllowedWhileHeld)
  }
}

extension Intent {
  /// Whether it may be carried out while another delegation is at work on the branch.
  var isAllowedWhileHeld: Bool {
    switch self {
    case .cancel, .settle, .act, .examineFeedback, .startRound, .awaitRounds, .stopAgent: true
    case .resolveBase, .createBranch, .commitTask, .openPullRequest, .adopt, .dispatch,
      .awaitWorker, .push:
      false
    }
  }
}
