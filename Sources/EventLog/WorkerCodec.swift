import Domain
import Text

extension EventCodec {
  static func encode(_ event: WorkerEvent) -> EncodedEvent {
    var facts = Facts()
    var text: [String: JSONValue] = [:]
    let type: EventType
    switch event {
    case .registered(let e):
      type = .workerRegistered
      facts.put(.incarnation, e.incarnation)
      facts.detail["host"] = .string(e.host)
      facts.detail["version"] = .string(e.version)
      facts.detail["agents"] = .array(e.agents.map { .string($0) })
      facts.detail["local"] = .bool(e.local)
    case .unhealthy(let reason):
      type = .workerUnhealthy
      text.put("reason", reason)
    case .recovered: type = .workerRecovered
    case .restarted(let delay, let reason):
      type = .workerRestarted
      facts.detail["delayMs"] = .integer(delay.count)
      text.put("reason", reason)
    case .parked(let reason):
      type = .workerParked
      text.put("reason", reason)
    case .draining: type = .workerDraining
    case .stopped: type = .workerStopped
    case .lost(let reason):
      type = .workerLost
      text.put("reason", reason)
    }
    return EncodedEvent(type: type, facts: facts, text: text)
  }

  static func decodeWorker(_ r: FactReader) throws(CodecFault) -> WorkerEvent {
    switch r.type {
    case .workerRegistered:
      return .registered(
        WorkerRegistered(
          incarnation: Int(try r.integer(.incarnation)),
          host: try r.need(r.detail["host"]?.stringValue, "host"),
          version: try r.need(r.detail["version"]?.stringValue, "version"),
          agents: try r.need(r.detail["agents"]?.arrayValue, "agents").compactMap(\.stringValue),
          local: try r.need(r.detail["local"]?.boolValue, "local")))
    case .workerUnhealthy: return .unhealthy(reason: r.words("reason"))
    case .workerRecovered: return .recovered
    case .workerRestarted:
      return .restarted(
        delay: Milliseconds(Int64(try r.count("delayMs"))), reason: r.words("reason"))
    case .workerParked: return .parked(reason: r.words("reason"))
    case .workerDraining: return .draining
    case .workerStopped: return .stopped
    case .workerLost: return .lost(reason: r.words("reason"))
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .failed, .baseResolved, .generated, .stepFailed, .released, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .actionDone, .networkUsed, .feedbackRecorded,
      .feedbackJudged, .roundStarted, .roundEnded, .roundResumed, .roundsStopped, .systemStarted,
      .systemRecovered, .systemRestored, .systemRedacted, .workflowDefined, .tokenCreated,
      .tokenRevoked:
      throw r.fault("not an event of a worker")
    }
  }

  static func encode(_ event: SystemEvent) -> EncodedEvent {
    var facts = Facts()
    var text: [String: JSONValue] = [:]
    let type: EventType
    switch event {
    case .started(let epoch, let version):
      type = .systemStarted
      facts.detail["epoch"] = .integer(epoch)
      facts.detail["version"] = .string(version)
    case .recovered(let inFlight, let duration):
      type = .systemRecovered
      facts.detail["inFlight"] = .integer(Int64(inFlight))
      facts.detail["durationMs"] = .integer(duration.count)
    case .restored(let lostAfter):
      type = .systemRestored
      facts.detail["lostAfter"] = .integer(lostAfter)
    case .redacted(let position, let reason):
      type = .systemRedacted
      facts.detail["redacted"] = .integer(position)
      text.put("reason", reason)
    case .workflowDefined(let name, let digest, let source):
      type = .workflowDefined
      facts.put(.workflow, name)
      facts.put(.digest, digest)
      text.put("source", source)
    case .tokenCreated(let token):
      type = .tokenCreated
      facts.detail["name"] = .string(token.name)
      facts.detail["tokenID"] = .string(token.id)
      facts.detail["role"] = .string(token.role)
      if !token.repositories.isEmpty {
        facts.detail["repositories"] = .array(token.repositories.map { .string($0) })
      }
      facts.detail["createdAt"] = .integer(token.created.milliseconds)
      if let expires = token.expires { facts.detail["expiresAt"] = .integer(expires.milliseconds) }
    case .tokenRevoked(let token):
      type = .tokenRevoked
      facts.detail["name"] = .string(token.name)
      facts.detail["tokenID"] = .string(token.id)
      facts.detail["revokedAt"] = .integer(token.revoked.milliseconds)
    }
    return EncodedEvent(type: type, facts: facts, text: text)
  }

  static func decodeSystem(_ r: FactReader) throws(CodecFault) -> SystemEvent {
    switch r.type {
    case .systemStarted:
      return .started(
        epoch: Int64(try r.count("epoch")),
        version: try r.need(r.detail["version"]?.stringValue, "version"))
    case .systemRecovered:
      return .recovered(
        inFlight: try r.count("inFlight"),
        duration: Milliseconds(Int64(try r.count("durationMs"))))
    case .systemRestored: return .restored(lostAfter: Int64(try r.count("lostAfter")))
    case .systemRedacted:
      return .redacted(position: Int64(try r.count("redacted")), reason: r.words("reason"))
    case .workflowDefined:
      return .workflowDefined(
        name: try r.text(.workflow),
        digest: try r.text(.digest), source: r.words("source"))
    case .tokenCreated:
      return .tokenCreated(
        TokenCreated(
          name: try r.need(r.detail["name"]?.stringValue, "name"),
          id: try r.need(r.detail["tokenID"]?.stringValue, "tokenID"),
          role: try r.need(r.detail["role"]?.stringValue, "role"),
          repositories: (r.detail["repositories"]?.arrayValue ?? []).compactMap(\.stringValue),
          created: try time(r, "createdAt"),
          expires: r.detail["expiresAt"]?.integerValue.map { Timestamp(milliseconds: $0) }))
    case .tokenRevoked:
      return .tokenRevoked(
        TokenRevoked(
          name: try r.need(r.detail["name"]?.stringValue, "name"),
          id: try r.need(r.detail["tokenID"]?.stringValue, "tokenID"),
          revoked: try time(r, "revokedAt")))
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .failed, .baseResolved, .generated, .stepFailed, .released, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .actionDone, .networkUsed, .feedbackRecorded,
      .feedbackJudged, .roundStarted, .roundEnded, .roundResumed, .roundsStopped, .workerRegistered,
      .workerUnhealthy, .workerRecovered, .workerRestarted, .workerParked, .workerDraining,
      .workerStopped, .workerLost:
      throw r.fault("not an event of the system")
    }
  }

  private static func time(_ r: FactReader, _ name: String) throws(CodecFault) -> Timestamp {
    Timestamp(milliseconds: try r.need(r.detail[name]?.integerValue, name))
  }
}
