import Domain
import EventLog
import LogStories
import Projections
import Testing

extension EventStoreConformance {
  static let refusals: [ConformanceCheck] = [
    ConformanceCheck("a version that is not the stream's is a conflict", conflicts),
    ConformanceCheck("a known key makes no event, and names the delegation", knownKeys),
    ConformanceCheck("of requests with one key that arrive at once, one is taken", keysAtOnce),
    ConformanceCheck("a stamp belongs to one delegation", takenStamps),
    ConformanceCheck("what the state does not allow is refused, whole", impossibleEvents),
    ConformanceCheck("a stream takes no events of another kind", foreignEvents),
    ConformanceCheck("a causation that is no id is refused", causationsThatAreNone),
  ]

  private static func conflicts(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1, to: .based)
    let isUnchanged = try await subject.isUnchanged {
      for version: Int64 in [0, 1, 3, -1] {
        let append = Story.append([.cancelRequested], to: 1, after: version)
        #expect(await subject.refusal(of: append) == .conflict(actual: 2))
      }
      let absent = Story.append([.cancelRequested], to: 2, after: 1)
      #expect(await subject.refusal(of: absent) == .conflict(actual: 0))
    }
    #expect(isUnchanged)
    #expect(await subject.refusal(of: Story.append([.cancelRequested], to: 1, after: 2)) == nil)
  }

  private static func knownKeys(_ subject: StoreUnderTest) async throws {
    let key = Requested.IdempotencyKey(key: "k1", body: "hash of the body")
    #expect(try await !subject.store.isKnown(key: "k1"))
    try await subject.tell(1, to: .requested, request: Story.request(1, key: key))
    #expect(try await subject.store.isKnown(key: "k1"))
    #expect(try await !subject.store.isKnown(key: "k"))
    let isUnchanged = try await subject.isUnchanged {
      let same = Story.append([.requested(Story.request(2, key: key))], to: 2)
      #expect(await subject.refusal(of: same) == .duplicate(of: Story.id(1), body: key.body))
      // What another body means is for the caller to say, who is told the first one's.
      let other = Requested.IdempotencyKey(key: "k1", body: "another")
      let changed = Story.append([.requested(Story.request(3, key: other))], to: 3)
      #expect(await subject.refusal(of: changed) == .duplicate(of: Story.id(1), body: key.body))
      // Of a request that is sent again under its own id, the key speaks before the version.
      let again = Story.append([.requested(Story.request(1, key: key))], to: 1)
      #expect(await subject.refusal(of: again) == .duplicate(of: Story.id(1), body: key.body))
    }
    #expect(isUnchanged)
    let next = Requested.IdempotencyKey(key: "k2", body: key.body)
    let append = Story.append([.requested(Story.request(2, key: next))], to: 2)
    #expect(await subject.refusal(of: append) == nil)
  }

  private static func keysAtOnce(_ subject: StoreUnderTest) async throws {
    let (callers, keys) = (6, 24)
    let answers = await withTaskGroup(of: [String: (DelegationID, AppendFault?)].self) { group in
      for caller in 0..<callers {
        group.addTask {
          var answers: [String: (DelegationID, AppendFault?)] = [:]
          for k in 0..<keys {
            let n = k * callers + caller
            let key = Requested.IdempotencyKey(key: "k\(k)", body: "body")
            let events = Story.goodDay(n, request: Story.request(n, key: key))
            // The one that is taken goes on, so there are appends of all kinds at once.
            for (index, event) in events.enumerated() {
              let append = Story.append([event], to: n, after: Int64(index))
              let refusal = await subject.refusal(of: append)
              if index == 0 { answers[key.key] = (Story.id(n), refusal) }
              guard refusal == nil else { break }
            }
          }
          return answers
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    for k in 0..<keys {
      let own = answers.compactMap { $0["k\(k)"] }
      let taken = own.filter { $0.1 == nil }.map(\.0)
      #expect(own.count == callers && taken.count == 1)
      let others = own.compactMap(\.1)
      #expect(others.allSatisfy { $0 == taken.first.map { .duplicate(of: $0, body: "body") } })
    }
    #expect(try await subject.log().count == keys * 9)
  }

  private static func takenStamps(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1, to: .requested)
    let isUnchanged = try await subject.isUnchanged {
      let taken = Story.append([.requested(Story.request(1))], to: 2)
      #expect(await subject.refusal(of: taken) == .stampTaken)
    }
    #expect(isUnchanged)
  }

  private static func impossibleEvents(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1, to: .based)
    _ = try await subject.store.append(Story.append([Story.registered]))
    let isUnchanged = try await subject.isUnchanged {
      let pushed = DelegationEvent.pushed(Pushed(sha: Story.sha(1), adopted: false))
      let branch = Story.goodDay(1)[2]
      for append in [
        Story.append([pushed], to: 1, after: 2),
        Story.append([branch, pushed], to: 1, after: 2),
        Story.append([.cancelRequested], to: 9),
        Story.append([.recovered], after: 1),
        Story.append([.draining, .draining], after: 1),
      ] {
        guard case .corrupt = await subject.refusal(of: append) else {
          Issue.record("\(append.events) was taken")
          continue
        }
      }
    }
    #expect(isUnchanged)
    // A refusal is no quarantine: the stream goes on.
    try await subject.tell([Story.goodDay(1)[2]], to: 1, after: 2)
    #expect(try await subject.store.delegation(.id(Story.id(1)))?.row.state == .branchCreated)
    #expect(try await subject.store.delegation(.id(Story.id(1)))?.row.quarantine == nil)
  }

  private static func foreignEvents(_ subject: StoreUnderTest) async throws {
    let isUnchanged = try await subject.isUnchanged {
      for (stream, event) in [
        (StreamName.delegation(Story.id(1)), Event.worker(Story.registered)),
        (.worker(Story.worker), .delegation(Story.goodDay(1)[0])),
        (.system, .worker(Story.registered)),
        (.worker(Story.worker), .system(.started(epoch: 1, version: "1"))),
      ] {
        let append = Append(
          stream: stream, expectedVersion: 0, events: [event], actor: .system, correlation: nil,
          causation: nil)
        guard case .corrupt = await subject.refusal(of: append) else {
          Issue.record("\(stream) took \(event.name)")
          continue
        }
      }
    }
    #expect(isUnchanged)
  }

  private static func causationsThatAreNone(_ subject: StoreUnderTest) async throws {
    let isUnchanged = try await subject.isUnchanged {
      var append = Story.append(Story.goodDay(1, to: .requested), to: 1)
      append.causation = "because"
      guard case .corrupt(let why) = await subject.refusal(of: append) else {
        Issue.record("it was taken")
        return
      }
      #expect(why.reason.contains("because"))
    }
    #expect(isUnchanged)
    try await subject.tell(1, to: .requested)
  }
}
