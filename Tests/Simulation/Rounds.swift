import Domain
import Engine
import EventLog
import ForgePort
import InMemoryEventStore
import LogStories

extension World {
  /// What the engine does for a person that asked.
  func requestRound(_ round: DelegationID, of first: DelegationID) {
    guard server.isUp else { return }
    _ = request(round: round, of: first)
  }

  func request(round: DelegationID, of first: DelegationID) -> RoundAnswer {
    guard let store = cluster == nil ? store : readDatabase() else {
      return .failed("the database does not answer")
    }
    let own = store.readNow(.delegation(round))
    if !own.isEmpty { return RoundAnswer(own, of: round) }
    guard server.core?.isTracked(round) != true else { return .failed("it is being requested") }
    guard let plan = RoundPlan(round, of: first, store.readNow(.delegation(first))) else {
      return .failed("no such round")
    }
    var request = plan.request(plan.earlier.map { store.readNow(.delegation($0)) })
    request.stamp = nextRoundStamp()
    let user = Actor(kind: .user, name: request.requester)
    ask({ .submit(round, request, user, $0) }) { _, _ in }
    // Whether it comes to the disk is seen at the next try.
    return .failed("it is being requested")
  }
}

extension Answer {
  static func failing(_ call: Call, _ kind: ForgeFault.Kind) -> Answer {
    switch call {
    case .forge: .forge(.failure(ForgeFault(kind: kind, message: "made up")))
    case .round: .round(.failed("made up"))
    case .monthCost: .monthCost(nil)
    case .git:
      .git(
        .failure(
          MirrorFault(kind: kind == .unreachable ? .unreachable : .noAnswer, message: "made up")))
    }
  }
}
