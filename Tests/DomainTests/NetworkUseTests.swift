import Domain
import Testing

/// What an attempt used of the network is remembered with its end, once, and changes nothing else.
struct NetworkUseTests {
  private func recording(_ used: NetworkUsed, _ report: DelegationCommand) -> DelegationCommand {
    .recordNetwork(used, then: report)
  }

  @Test func itStandsBeforeTheEndOfItsAttempt() throws {
    let used = Sample.used(1)
    #expect(
      try given(Sample.generating).when(
        recording(used, .endAttempt(Sample.end(1, .agentFailed))))
        == .events([.networkUsed(used), Sample.released(1, .agentFailed)]))
    #expect(
      try given(Sample.dispatched).when(
        recording(used, .endAttempt(Sample.end(1, .agentNotFound))))
        == .events([.networkUsed(used), Sample.released(1, .agentNotFound)]))
    #expect(
      try given(Sample.generating).when(recording(used, .acceptCommit(Sample.handIn(1))))
        == .events([.networkUsed(used), .generated(Sample.handIn(1))]))
    #expect(
      try given(Sample.generating + [.cancelRequested]).when(
        recording(used, .confirmStopped(attempt: 1, token: Sample.token(1))))
        == .events([.networkUsed(used), Sample.cancelled(.generate)]))
  }

  /// A report whose response was lost comes again.
  @Test func aRepeatedReportRecordsNothing() throws {
    let handIn = DelegationCommand.acceptCommit(Sample.handIn(1))
    let recorded = Sample.generating + [Sample.networkUsed(1)]
    #expect(
      try given(recorded + [.generated(Sample.handIn(1))]).when(recording(Sample.used(1), handIn))
        == .nothing)
    #expect(
      try given(recorded).when(recording(Sample.used(1), handIn))
        == .events([.generated(Sample.handIn(1))]))
    let ended = recorded + [Sample.released(1, .agentFailed)]
    #expect(
      try given(ended).when(recording(Sample.used(1), .endAttempt(Sample.end(1, .agentFailed))))
        == .rejected(.superseded))
  }

  @Test func aRefusedReportTakesItsRecordWithIt() throws {
    let handIn = DelegationCommand.acceptCommit(Sample.handIn(1))
    #expect(
      try given(Sample.generating + [.cancelRequested]).when(recording(Sample.used(1), handIn))
        == .rejected(.cancelled))
    for stale in [Sample.used(1, token: 9), Sample.used(2, token: 1)] {
      #expect(
        try given(Sample.generating).when(recording(stale, handIn)) == .rejected(.superseded))
    }
    #expect(try given(Sample.prepared).when(recording(Sample.used(1), handIn)).isRejected)
  }

  /// A worker that came back has a new token, and with it a record of its own.
  @Test func eachTokenHasARecord() throws {
    let resumed =
      Sample.generating + [
        Sample.networkUsed(1), .dispatched(Sample.dispatch(1, token: 2, incarnation: 2)),
      ]
    let used = Sample.used(1, token: 2)
    #expect(
      try given(resumed).when(
        recording(used, .endAttempt(Sample.end(1, .agentFailed, token: 2))))
        == .events([.networkUsed(used), Sample.released(1, .agentFailed, token: 2)]))
  }

  @Test func itChangesNothingElse() throws {
    for events in [Sample.dispatched, Sample.generating, Sample.generated] {
      let before = try Sample.state(events)
      var after = try Sample.state(events + [Sample.networkUsed(1)])
      #expect(after.delegation?.networkToken == Sample.token(1))
      #expect(after.name == before.name && after.lease == before.lease)
      #expect(after.nextIntent == before.nextIntent && after.commitToPush == before.commitToPush)
      #expect(after.delegation?.stateSince == before.delegation?.stateSince)
      // The next attempt goes as it would have gone.
      after = try Sample.state(
        Sample.generating + [
          Sample.networkUsed(1), Sample.released(1, .agentFailed), .dispatched(Sample.dispatch(2)),
          .generating(Sample.start(2)), Sample.networkUsed(2),
        ])
      #expect(after.lease?.attempt == 2)
    }
  }

  @Test func corruptOnes() throws {
    for wrong in [
      Sample.networkUsed(1, token: 9), Sample.networkUsed(2, token: 1),
    ] {
      #expect(throws: CorruptStream.self) { try given(Sample.generating + [wrong]) }
    }
    #expect(throws: CorruptStream.self) {
      try given(Sample.generating + [Sample.networkUsed(1), Sample.networkUsed(1)])
    }
    for events in [[], Sample.prepared, Sample.unpushed, Sample.pushed, Sample.failed] {
      #expect(throws: CorruptStream.self) { try given(events + [Sample.networkUsed(1)]) }
    }
  }

  @Test func anEventListsAtMostTwentyHosts() {
    let hosts = (0..<30).map {
      NetworkUse.RefusedHost(host: "h\($0).example.org", port: 443, code: "host-unlisted")
    }
    let use = NetworkUse(
      hostsReached: 0, hostsRefused: 30, connections: 30, bytesUp: 0, bytesDown: 0,
      refusedHosts: hosts)
    #expect(use.refusedHosts == Array(hosts[..<20]) && use.hostsRefused == 30)
  }
}
