import Domain
import Text

/// Encodes and decodes the events of conversations, and what a follow-up answers.
extension EventCodec {
  static func encode(
    _ event: ConversationEvent, _ facts: inout Facts, _ text: inout [String: JSONValue]
  ) -> EventType {
    switch event {
    case .feedbackRecorded(let e):
      facts.put(.code, name(of: e.standing))
      facts.put(.sha, e.feedback.commit?.rawValue)
      facts.detail = detail(of: e.feedback)
      facts.detail["startAt"] = e.startAt.map { .integer($0.milliseconds) }
      text = words(of: e.feedback)
      return .feedbackRecorded
    case .feedbackJudged(let e):
      facts.put(.code, name(of: e.standing))
      facts.detail["feedback"] = .string(e.id.rawValue)
      facts.detail["startAt"] = e.startAt.map { .integer($0.milliseconds) }
      return .feedbackJudged
    case .roundStarted(let e):
      facts.put(.follows, e.follows.rawValue)
      facts.put(.agent, e.agent)
      facts.put(.requester, e.requester)
      facts.detail["delegation"] = .string(e.delegation.rawValue)
      facts.detail["takes"] = .array(e.takes.map { .string($0.rawValue) })
      facts.detail.put("idempotencyKey", e.request?.key)
      facts.detail.put("requestBody", e.request?.body)
      return .roundStarted
    case .roundEnded(let e):
      facts.put(.sha, e.commit?.rawValue)
      facts.put(.code, e.failure?.rawValue)
      facts.detail["delegation"] = .string(e.delegation.rawValue)
      return .roundEnded
    case .roundResumed(let id):
      facts.detail["delegation"] = .string(id.rawValue)
      return .roundResumed
    case .roundsStopped(let e):
      facts.put(.code, e.reason.rawValue)
      facts.detail["drops"] = .array(e.drops.map { .string($0.rawValue) })
      return .roundsStopped
    }
  }

  static func decodeConversation(_ r: FactReader) throws(CodecFault) -> ConversationEvent {
    switch r.type {
    case .feedbackRecorded:
      return .feedbackRecorded(
        FeedbackRecorded(
          feedback: try feedback(
            r.detail, text: r.text, commit: r.facts.object(.sha), fault: r.fault),
          standing: try standing(r), startAt: startAt(r)))
    case .feedbackJudged:
      return .feedbackJudged(
        FeedbackJudged(
          id: FeedbackID(try r.need(r.detail["feedback"]?.stringValue, "feedback")),
          standing: try standing(r), startAt: startAt(r)))
    case .roundStarted:
      return .roundStarted(
        RoundStarted(
          delegation: try delegation(r), follows: DelegationID(try r.text(.follows)),
          takes: ids(r.detail["takes"]), requester: r.facts.text(.requester),
          agent: r.facts.text(.agent),
          request: r.detail["idempotencyKey"]?.stringValue.map {
            .init(key: $0, body: r.detail["requestBody"]?.stringValue ?? "")
          }))
    case .roundEnded:
      let isFailed = r.facts.text(.code) != nil
      return .roundEnded(
        RoundEnded(
          delegation: try delegation(r), commit: r.facts.object(.sha),
          failure: isFailed ? try r.word(.code) : nil))
    case .roundResumed: return .roundResumed(try delegation(r))
    case .roundsStopped:
      return .roundsStopped(RoundsStopped(reason: try r.word(.code), drops: ids(r.detail["drops"])))
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .failed, .baseResolved, .generated, .stepFailed, .released, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .actionDone, .networkUsed, .workerRegistered,
      .workerUnhealthy, .workerRecovered, .workerRestarted, .workerParked, .workerDraining,
      .workerStopped, .workerLost, .systemStarted, .systemRecovered, .systemRestored,
      .systemRedacted, .workflowDefined, .tokenCreated, .tokenRevoked:
      throw r.fault("not an event of a conversation")
    }
  }

  // MARK: What a follow-up answers

  static func encode(
    _ followUp: FollowUp, _ facts: inout Facts
  ) {
    facts.put(.pr, followUp.pullRequest)
    facts.put(.follows, followUp.follows.rawValue)
    facts.detail["first"] = .string(followUp.first.rawValue)
    facts.detail["threads"] = .array(followUp.threads.map { .integer($0) })
    facts.detail.put("merge", followUp.merge?.rawValue)
    guard let taskFile = followUp.taskFile else { return }
    facts.detail["taskStamp"] = .integer(taskFile.stamp.milliseconds)
    facts.detail["taskBase"] = .string(taskFile.base.rawValue)
  }

  /// nil if the request is not a follow-up.
  static func followUp(_ r: FactReader) throws(CodecFault) -> FollowUp? {
    guard let follows = r.facts.text(.follows) else { return nil }
    let taskFile = r.detail["taskBase"]?.stringValue.map { base in
      FollowUp.TaskFile(
        stamp: Stamp(milliseconds: r.detail["taskStamp"]?.integerValue ?? 0),
        base: ObjectID(base))
    }
    return FollowUp(
      pullRequest: Int(try r.integer(.pr)),
      first: DelegationID(try r.need(r.detail["first"]?.stringValue, "first")),
      follows: DelegationID(follows),
      threads: (r.detail["threads"]?.arrayValue ?? []).compactMap(\.integerValue),
      taskFile: taskFile, merge: try merge(r))
  }

  private static func merge(_ r: FactReader) throws(CodecFault) -> FollowUp.Merge? {
    guard let text = r.detail["merge"]?.stringValue else { return nil }
    return try r.need(FollowUp.Merge(rawValue: text), "merge")
  }

  // MARK: Merges

  static let mergedBaseKey = "mergedBase"

  static func encode(_ merge: BaseMerge?, _ facts: inout Facts) {
    facts.detail.put(mergedBaseKey, merge?.base.rawValue)
    facts.detail.put("mergeStart", merge?.start.rawValue)
  }

  /// nil if the commit has one parent.
  static func baseMerge(_ r: FactReader) throws(CodecFault) -> BaseMerge? {
    guard let base = r.detail[mergedBaseKey]?.stringValue else { return nil }
    let start = try r.need(r.detail["mergeStart"]?.stringValue, "mergeStart")
    return BaseMerge(base: ObjectID(base), start: ObjectID(start))
  }

  static func encode(_ round: RoundText, _ text: inout [String: JSONValue]) {
    text["feedback"] = .array(
      round.feedback.map { feedback in
        var all = detail(of: feedback)
        all.put("commit", feedback.commit?.rawValue)
        return .object(all.merging(words(of: feedback)) { a, _ in a })
      })
    text["earlier"] = .array(
      round.earlier.map { earlier in
        var all: [String: JSONValue] = ["subject": .string(earlier.subject)]
        all.put("words", earlier.words)
        return .object(all)
      })
  }

  /// nil if the request is not a follow-up, or its text was redacted.
  static func roundText(_ r: FactReader) throws(CodecFault) -> RoundText? {
    guard let items = r.text["feedback"]?.arrayValue else { return nil }
    var all: [Feedback] = []
    for item in items {
      let object = item.objectValue ?? [:]
      all.append(
        try feedback(
          object, text: object, commit: object["commit"]?.stringValue.map { ObjectID($0) },
          fault: r.fault))
    }
    let earlier = (r.text["earlier"]?.arrayValue ?? []).compactMap { item -> RoundText.Earlier? in
      guard let object = item.objectValue, let subject = object["subject"]?.stringValue else {
        return nil
      }
      return RoundText.Earlier(subject: subject, words: object["words"]?.stringValue)
    }
    return RoundText(feedback: all, earlier: earlier)
  }

  // MARK: Parts

  private static let countsName = "counts"
  private static let examinedName = "examined"

  private static func name(of standing: FeedbackStanding) -> String {
    switch standing {
    case .counts: countsName
    case .examined: examinedName
    case .ignored(let reason): reason.rawValue
    }
  }

  private static func standing(_ r: FactReader) throws(CodecFault) -> FeedbackStanding {
    switch r.facts.text(.code) {
    case countsName: .counts
    case examinedName: .examined
    case _: .ignored(try r.word(.code))
    }
  }

  private static func detail(of feedback: Feedback) -> [String: JSONValue] {
    var detail: [String: JSONValue] = [
      "feedback": .string(feedback.id.rawValue), "source": .string(feedback.source.rawValue),
      "author": .string(feedback.author),
    ]
    if feedback.isByBot { detail["bot"] = .bool(true) }
    detail["thread"] = feedback.thread.map { .integer($0) }
    detail["line"] = feedback.line.map { .integer(Int64($0)) }
    detail["saidAt"] = feedback.saidAt.map { .integer($0.milliseconds) }
    return detail
  }

  private static func words(of feedback: Feedback) -> [String: JSONValue] {
    guard let said = feedback.text else { return [:] }
    var text: [String: JSONValue] = ["body": .string(said.body)]
    text.put("path", said.path)
    text.put("hunk", said.hunk)
    return text
  }

  private static func feedback(
    _ detail: [String: JSONValue], text: [String: JSONValue], commit: ObjectID?,
    fault: (String) -> CodecFault
  ) throws(CodecFault) -> Feedback {
    guard let id = detail["feedback"]?.stringValue, let author = detail["author"]?.stringValue,
      let source = detail["source"]?.stringValue.flatMap({ FeedbackSource(rawValue: $0) })
    else { throw fault("feedback without its id, source or author") }
    return Feedback(
      id: FeedbackID(id), source: source, author: author,
      isByBot: detail["bot"]?.boolValue ?? false, thread: detail["thread"]?.integerValue,
      commit: commit, line: detail["line"]?.integerValue.map { Int($0) },
      saidAt: detail["saidAt"]?.integerValue.map { Timestamp(milliseconds: $0) },
      text: text["body"]?.stringValue.map {
        FeedbackText(
          body: $0, path: text["path"]?.stringValue, hunk: text["hunk"]?.stringValue)
      })
  }

  private static func startAt(_ r: FactReader) -> Timestamp? {
    r.detail["startAt"]?.integerValue.map { Timestamp(milliseconds: $0) }
  }

  private static func delegation(_ r: FactReader) throws(CodecFault) -> DelegationID {
    DelegationID(try r.need(r.detail["delegation"]?.stringValue, "delegation"))
  }

  private static func ids(_ value: JSONValue?) -> [FeedbackID] {
    (value?.arrayValue ?? []).compactMap { $0.stringValue.map { FeedbackID($0) } }
  }
}
