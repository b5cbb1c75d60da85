import Domain

extension Sample {
  static func feedback(
    _ number: Int, _ source: FeedbackSource = .reviewComment, commit: ObjectID? = nil
  ) -> Feedback {
    Feedback(
      id: FeedbackID(source, number), source: source, author: "ann", thread: Int64(number),
      commit: commit, line: 3, text: FeedbackText(body: "Rename it.", path: "src/a.js"))
  }

  static func said(
    _ number: Int, _ standing: FeedbackStanding, _ source: FeedbackSource = .reviewComment,
    commit: ObjectID? = nil, startAt: Timestamp? = nil
  ) -> DelegationEvent {
    .conversation(
      .feedbackRecorded(
        FeedbackRecorded(
          feedback: feedback(number, source, commit: commit), standing: standing,
          startAt: startAt)))
  }

  static func roundID(_ number: Int) -> DelegationID {
    DelegationID("01890a5d-ac96-874b-8cce-b302099a805\(number)")
  }

  static func round(_ number: Int, takes: [Int]) -> RoundStarted {
    RoundStarted(
      delegation: roundID(number), follows: id, takes: takes.map { feedback($0).id })
  }

  static func ended(_ number: Int, commit: ObjectID = commit) -> DelegationEvent {
    .conversation(
      .roundEnded(RoundEnded(delegation: roundID(number), commit: commit, failure: nil)))
  }

  /// Feedback in every standing, a round that ended and one that is open.
  static let conversation: [DelegationEvent] = [
    said(6, .counts), .conversation(.roundStarted(round(6, takes: [6]))), ended(6),
    said(7, .counts), .conversation(.roundStarted(round(7, takes: [7]))),
    said(8, .examined), said(9, .counts), said(5, .ignored(.noPermission)),
  ]
}
