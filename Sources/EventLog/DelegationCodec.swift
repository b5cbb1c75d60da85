import Domain
import Text

extension EventCodec {
  static func encode(_ event: DelegationEvent) -> EncodedEvent {
    var facts = Facts()
    var text: [String: JSONValue] = [:]
    let type: EventType
    switch event {
    case .requested(let e):
      type = .requested
      encode(e, &facts, &text)
    case .baseResolved(let e):
      type = .baseResolved
      facts.put(.baseBranch, e.branch)
      facts.put(.sha, e.sha.rawValue)
      facts.detail.put("taskBlob", e.taskBlob?.rawValue)
    case .branchCreated(let e):
      type = .branchCreated
      facts.put(.sha, e.sha.rawValue)
      facts.put(.adopted, e.adopted)
    case .taskCommitted(let e):
      type = .taskCommitted
      facts.put(.sha, e.sha.rawValue)
      facts.put(.adopted, e.adopted)
    case .pullRequestCreated(let e):
      type = .pullRequestCreated
      facts.put(.pr, e.number)
      facts.put(.url, e.url)
      facts.put(.adopted, e.adopted)
    case .dispatched(let e):
      type = .dispatched
      facts.put(.worker, e.worker.rawValue)
      facts.put(.incarnation, e.incarnation)
      facts.put(.attempt, e.attempt)
      facts.put(.token, e.token.packed)
    case .generating(let e):
      type = .generating
      facts.put(.attempt, e.attempt)
      facts.put(.token, e.token.packed)
      facts.put(.agent, e.agent)
      facts.put(.sha, e.head.rawValue)
      facts.detail.put("session", e.session)
      encode(e.merge, &facts)
      facts.detail.put("continues", e.continues?.rawValue)
    case .generated(let e):
      type = .generated
      encode(e, &facts, &text)
    case .pushed(let e):
      type = .pushed
      facts.put(.sha, e.sha.rawValue)
      facts.put(.adopted, e.adopted)
    case .failed(let e):
      type = .failed
      facts.put(.step, e.step.rawValue)
      facts.put(.code, e.code.rawValue)
      facts.put(.retryable, e.retryable)
      encode(e.usage, &facts)
      text.put("message", e.message)
      text.put("hint", e.hint)
      text.put("words", e.words)
    case .stepFailed(let e):
      type = .stepFailed
      facts.put(.step, e.step.rawValue)
      facts.put(.code, e.code.rawValue)
      facts.put(.tries, e.attemptedTry)
      facts.put(.retryAt, e.retryAt.milliseconds)
      facts.put(.ambiguous, e.ambiguous)
      facts.put(.agent, e.nextAgent)
      text.put("message", e.message)
    case .released(let e):
      type = .released
      facts.put(.attempt, e.attempt)
      facts.put(.token, e.token?.packed)
      facts.put(.code, e.cause.rawValue)
      facts.put(.agent, e.nextAgent)
      if let end = e.limitEnds { facts.detail["limitEnds"] = .integer(end.milliseconds) }
      encode(e.usage, &facts)
      text.put("message", e.message)
    case .cancelRequested: type = .cancelRequested
    case .retryRequested: type = .retryRequested
    case .pullRequestUpdated(let e):
      type = .pullRequestUpdated
      facts.put(.code, e.state.rawValue)
      if let asOf = e.asOf { facts.detail["asOf"] = .integer(asOf.milliseconds) }
    case .actionDone(let e):
      type = .actionDone
      facts.detail.put("marker", e.marker)
      text.put("message", e.failure)
    case .networkUsed(let e):
      type = .networkUsed
      facts.put(.attempt, e.attempt)
      facts.put(.token, e.token.packed)
      if let use = e.use { facts.detail = encode(use) }
    case .conversation(let e): type = encode(e, &facts, &text)
    }
    return EncodedEvent(type: type, facts: facts, text: text)
  }

  private static func encode(
    _ e: Requested, _ facts: inout Facts, _ text: inout [String: JSONValue]
  ) {
    switch e.kind {
    case .delegate: break
    case .adopt(let number): facts.put(.pr, number)
    case .followUp(let followUp): encode(followUp, &facts)
    }
    facts.put(.stamp, e.stamp.milliseconds)
    facts.put(.repository, e.repository.description)
    facts.put(.branch, e.branch)
    facts.put(.baseBranch, e.baseBranch)
    facts.put(.requester, e.requester)
    facts.put(.priority, e.priority)
    facts.put(.agent, e.agent)
    facts.put(.workflow, e.workflow.name)
    facts.put(.digest, e.workflow.digest)
    facts.detail["draft"] = .bool(e.draft)
    if !e.notices.isEmpty {
      facts.detail["notices"] = .array(e.notices.map(\.rawValue).sorted().map { .string($0) })
    }
    facts.detail["attemptsMax"] = .integer(Int64(e.attemptsMax))
    if let issue = e.issue { facts.detail["issue"] = .string(issue.description) }
    if let key = e.idempotencyKey {
      facts.detail["idempotencyKey"] = .string(key.key)
      facts.detail["requestBody"] = .string(key.body)
    }
    guard let words = e.text else { return }
    text["title"] = .string(words.title)
    text["objective"] = .string(words.objective)
    text["prTitle"] = .string(words.pullRequestTitle)
    switch words.constraints {
    case .text(let constraints): text["constraints"] = .string(constraints)
    case .list(let items): text["constraints"] = .array(items.map { .string($0) })
    }
    text["acceptanceCriteria"] = .array(words.acceptanceCriteria.map { .string($0) })
    if let round = words.round { encode(round, &text) }
  }

  private static func encode(
    _ e: Generated, _ facts: inout Facts, _ text: inout [String: JSONValue]
  ) {
    facts.put(.attempt, e.attempt)
    facts.put(.token, e.token?.packed)
    facts.put(.sha, e.sha.rawValue)
    facts.put(.parent, e.parent.rawValue)
    encode(e.merge, &facts)
    encode(e.usage, &facts)
    text.put("words", e.words)
    guard let figures = e.figures else { return }
    facts.detail["filesChanged"] = .integer(Int64(figures.filesChanged))
    facts.detail["insertions"] = .integer(Int64(figures.insertions))
    facts.detail["deletions"] = .integer(Int64(figures.deletions))
    facts.detail["durationMs"] = .integer(figures.duration.count)
    facts.detail["outputSize"] = .integer(Int64(figures.outputSize))
    facts.detail["outputDigest"] = .string(figures.outputDigest)
    text.put("usage", figures.usageText)
    if !figures.flagged.isEmpty {
      text["flagged"] = .array(figures.flagged.map { .string($0) })
    }
  }

  private static func encode(_ usage: AgentUsage, _ facts: inout Facts) {
    for figure in UsageFigure.allCases { facts.put(figure.column, usage[figure]) }
  }

  /// Hosts have a fixed syntax and aren't text of users, so a redaction leaves them.
  private static func encode(_ use: NetworkUse) -> [String: JSONValue] {
    [
      "reached": .integer(Int64(use.hostsReached)), "refused": .integer(Int64(use.hostsRefused)),
      "connections": .integer(Int64(use.connections)), "bytesUp": .integer(Int64(use.bytesUp)),
      "bytesDown": .integer(Int64(use.bytesDown)),
      "refusedHosts": .array(
        use.refusedHosts.map {
          .object([
            "host": .string($0.host), "port": .integer(Int64($0.port)), "code": .string($0.code),
          ])
        }),
    ]
  }

  static func decodeDelegation(_ r: FactReader) throws(CodecFault) -> DelegationEvent {
    switch r.type {
    case .requested: return .requested(try decodeRequested(r))
    case .baseResolved:
      return .baseResolved(
        BaseResolved(
          branch: try r.text(.baseBranch), sha: try sha(r),
          taskBlob: r.detail["taskBlob"]?.stringValue.map { ObjectID($0) }))
    case .branchCreated:
      return .branchCreated(
        BranchCreated(sha: try sha(r), adopted: r.facts.flag(.adopted) ?? false))
    case .taskCommitted:
      return .taskCommitted(
        TaskCommitted(sha: try sha(r), adopted: r.facts.flag(.adopted) ?? false))
    case .pullRequestCreated:
      return .pullRequestCreated(
        PullRequestCreated(
          number: Int(try r.integer(.pr)), url: try r.text(.url),
          adopted: r.facts.flag(.adopted) ?? false))
    case .dispatched:
      return .dispatched(
        Dispatched(
          worker: WorkerID(try r.text(.worker)),
          incarnation: Int(try r.integer(.incarnation)),
          attempt: try attempt(r), token: try token(r)))
    case .generating:
      return .generating(
        GenerationStarted(
          attempt: try attempt(r), token: try token(r), agent: try r.text(.agent),
          session: r.detail["session"]?.stringValue, head: try sha(r), merge: try baseMerge(r),
          continues: r.detail["continues"]?.stringValue.map { DelegationID($0) }))
    case .generated: return .generated(try decodeGenerated(r))
    case .pushed: return .pushed(Pushed(sha: try sha(r), adopted: r.facts.flag(.adopted) ?? false))
    case .failed:
      return .failed(
        Failed(
          step: try r.word(.step), code: try r.word(.code),
          retryable: r.facts.flag(.retryable) ?? false, message: r.words("message"),
          hint: r.words("hint"), usage: usage(r), words: r.words("words")))
    case .stepFailed:
      return .stepFailed(
        StepFailed(
          step: try r.word(.step),
          attemptedTry: Int(try r.integer(.tries)),
          code: try r.word(.code),
          retryAt: Timestamp(milliseconds: try r.integer(.retryAt)),
          ambiguous: r.facts.flag(.ambiguous) ?? false, message: r.words("message"),
          nextAgent: r.facts.text(.agent)))
    case .released:
      return .released(
        Released(
          attempt: try attempt(r), token: r.facts.integer(.token).map { FencingToken(packed: $0) },
          cause: try r.word(.code), message: r.words("message"), usage: usage(r),
          nextAgent: r.facts.text(.agent),
          limitEnds: r.detail["limitEnds"]?.integerValue.map { Timestamp(milliseconds: $0) }))
    case .cancelRequested: return .cancelRequested
    case .retryRequested: return .retryRequested
    case .pullRequestUpdated:
      return .pullRequestUpdated(
        PullRequestUpdated(
          state: try r.word(.code),
          asOf: r.detail["asOf"]?.integerValue.map { Timestamp(milliseconds: $0) }))
    case .actionDone:
      return .actionDone(
        ActionDone(
          marker: try r.need(r.detail["marker"]?.stringValue, "marker"),
          failure: r.words("message")))
    case .networkUsed:
      return .networkUsed(
        NetworkUsed(attempt: try attempt(r), token: try token(r), use: try decodeNetworkUse(r)))
    case .feedbackRecorded, .feedbackJudged, .roundStarted, .roundEnded, .roundResumed,
      .roundsStopped:
      return .conversation(try decodeConversation(r))
    case .workerRegistered, .workerUnhealthy, .workerRecovered, .workerRestarted, .workerParked,
      .workerDraining, .workerStopped, .workerLost, .systemStarted, .systemRecovered,
      .systemRestored, .systemRedacted, .workflowDefined, .tokenCreated,
      .tokenRevoked:
      throw r.fault("not an event of a delegation")
    }
  }

  private static func decodeRequested(_ r: FactReader) throws(CodecFault) -> Requested {
    let name = try r.text(.repository)
    guard let repository = RepositoryName(name) else { throw r.fault("repository is \(name)") }
    var key: Requested.IdempotencyKey?
    if let known = r.detail["idempotencyKey"]?.stringValue {
      key = .init(key: known, body: r.detail["requestBody"]?.stringValue ?? "")
    }
    return Requested(
      kind: try kind(r),
      stamp: Stamp(milliseconds: try r.integer(.stamp)), repository: repository,
      branch: try r.text(.branch), baseBranch: r.facts.text(.baseBranch),
      requester: try r.text(.requester),
      priority: Int(try r.integer(.priority)),
      agent: try r.text(.agent),
      workflow: .init(
        name: try r.text(.workflow), digest: try r.text(.digest)
      ),
      draft: r.detail["draft"]?.boolValue ?? false,
      attemptsMax: Int(r.detail["attemptsMax"]?.integerValue ?? 1), idempotencyKey: key,
      text: try taskText(r),
      notices: Set(
        (r.detail["notices"]?.arrayValue ?? []).compactMap {
          $0.stringValue.flatMap { NoticeMoment(rawValue: $0) }
        }),
      issue: r.detail["issue"]?.stringValue.flatMap { IssueName($0) })
  }

  private static func kind(_ r: FactReader) throws(CodecFault) -> Requested.Kind {
    if let followUp = try followUp(r) { return .followUp(followUp) }
    return r.facts.integer(.pr).map { .adopt(pullRequest: Int($0)) } ?? .delegate
  }

  private static func taskText(_ r: FactReader) throws(CodecFault) -> TaskText? {
    guard let title = r.words("title"), let objective = r.words("objective"),
      let pullRequestTitle = r.words("prTitle")
    else { return nil }
    func list(_ value: JSONValue?) -> [String] {
      value?.arrayValue?.compactMap(\.stringValue) ?? []
    }
    let constraints: TaskText.Constraints =
      r.words("constraints").map { .text($0) } ?? .list(list(r.text["constraints"]))
    return TaskText(
      title: title, objective: objective, pullRequestTitle: pullRequestTitle,
      constraints: constraints, acceptanceCriteria: list(r.text["acceptanceCriteria"]),
      round: try roundText(r))
  }

  private static func decodeGenerated(_ r: FactReader) throws(CodecFault) -> Generated {
    var figures: GenerationFigures?
    if r.detail["outputDigest"] != nil {
      figures = GenerationFigures(
        filesChanged: try r.count("filesChanged"), insertions: try r.count("insertions"),
        deletions: try r.count("deletions"),
        duration: Milliseconds(Int64(try r.count("durationMs"))),
        outputSize: try r.count("outputSize"),
        outputDigest: r.detail["outputDigest"]?.stringValue ?? "", usageText: r.words("usage"),
        flagged: r.text["flagged"]?.arrayValue?.compactMap(\.stringValue) ?? [])
    }
    return Generated(
      attempt: try attempt(r), token: r.facts.integer(.token).map { FencingToken(packed: $0) },
      sha: try sha(r), parent: try r.object(.parent), merge: try baseMerge(r), figures: figures,
      usage: usage(r), words: r.words("words"))
  }

  private static func usage(_ r: FactReader) -> AgentUsage {
    var usage = AgentUsage()
    for figure in UsageFigure.allCases {
      if let value = r.facts.integer(figure.column) { usage.set(figure, value) }
    }
    return usage
  }

  /// nil if the details weren't read.
  private static func decodeNetworkUse(_ r: FactReader) throws(CodecFault) -> NetworkUse? {
    guard !r.detail.isEmpty else { return nil }
    var hosts: [NetworkUse.RefusedHost] = []
    for item in try r.need(r.detail["refusedHosts"]?.arrayValue, "refusedHosts") {
      let port = item["port"].integerValue.flatMap { UInt16(exactly: $0) }
      hosts.append(
        NetworkUse.RefusedHost(
          host: try r.need(item["host"].stringValue, "host"), port: try r.need(port, "port"),
          code: try r.need(item["code"].stringValue, "code")))
    }
    guard hosts.count <= NetworkUse.refusedHostsMax else {
      throw r.fault("\(hosts.count) refused hosts are too many")
    }
    return NetworkUse(
      hostsReached: try r.count("reached"), hostsRefused: try r.count("refused"),
      connections: try r.count("connections"), bytesUp: try r.count("bytesUp"),
      bytesDown: try r.count("bytesDown"), refusedHosts: hosts)
  }

  private static func sha(_ r: FactReader) throws(CodecFault) -> ObjectID {
    try r.object(.sha)
  }
  private static func attempt(_ r: FactReader) throws(CodecFault) -> Int {
    Int(try r.integer(.attempt))
  }
  private static func token(_ r: FactReader) throws(CodecFault) -> FencingToken {
    FencingToken(packed: try r.integer(.token))
  }
}

extension UsageFigure {
  fileprivate var column: EventColumn {
    switch self {
    case .inputTokens: .inputTokens
    case .outputTokens: .outputTokens
    case .cachedTokens: .cachedTokens
    case .cost: .costMicrodollars
    case .credits: .millicredits
    }
  }
}
