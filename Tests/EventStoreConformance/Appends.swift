import Domain
import EventLog
import LogStories
import Projections
import Testing

extension EventStoreConformance {
  static let appends: [ConformanceCheck] = [
    ConformanceCheck("an empty log ends at nothing", emptyLog),
    ConformanceCheck("positions and versions are dense", densePositions),
    ConformanceCheck("what was appended is what is read", appendedIsRead),
    ConformanceCheck(
      "an append is whole: its events follow from each other", eventsFollowFromEachOther),
    ConformanceCheck(
      "an append of nothing checks the version and writes nothing", anAppendOfNothing),
    ConformanceCheck("time never falls when the clock steps back, and ids rise", timeNeverFalls),
    ConformanceCheck("a salt stands where there are words, and only there", saltsStandWithWords),
    ConformanceCheck("of appends at once each is whole and one version has one", appendsAtOnce),
  ]

  private static func emptyLog(_ subject: StoreUnderTest) async throws {
    let store = subject.store
    #expect(try await store.head() == .empty)
    #expect(try await subject.log().isEmpty)
    #expect(try await store.read(.delegation(Story.id(1))).isEmpty)
    #expect(try await store.delegation(.id(Story.id(1))) == nil)
    #expect(try await store.digests().position == 0)
    #expect(try await store.marks() == (stamp: 0, epoch: 0))
  }

  private static func densePositions(_ subject: StoreUnderTest) async throws {
    for n in 1...3 { try await subject.tell(n, to: .prepared) }
    _ = try await subject.store.append(Story.append([Story.registered, .draining, .stopped]))
    let log = try await subject.log()
    #expect(log.map(\.position) == Array(1...18))
    for n in 1...3 {
      let stream = try await subject.store.read(.delegation(Story.id(n)))
      #expect(stream.map(\.version) == [1, 2, 3, 4, 5])
      #expect(stream == log.filter { $0.stream == .delegation(Story.id(n)) })
    }
    let worker = try await subject.store.read(.worker(Story.worker))
    #expect(worker.map(\.version) == [1, 2, 3])
    let head = try await subject.store.head()
    #expect(head == LogHead(position: 18, hash: log.last?.hash ?? []))
  }

  private static func appendedIsRead(_ subject: StoreUnderTest) async throws {
    var told = try await subject.store.append(Story.append(Story.goodDay(1), to: 1))
    told += try await subject.store.append(Story.append([Story.registered]))
    told += try await subject.store.append(Story.append(EveryEvent.system))
    #expect(try await subject.log() == told)
    #expect(told.prefix(9).map(\.event) == Story.goodDay(1).map { .delegation($0) })
    #expect(
      told.suffix(EveryEvent.system.count).map(\.event) == EveryEvent.system.map { .system($0) })
    #expect(subject.heard.events == told)
  }

  private static func eventsFollowFromEachOther(_ subject: StoreUnderTest) async throws {
    let first = try await subject.store.append(Story.append([Story.registered]))
    var append = Story.append(Story.goodDay(1, to: .committed), to: 1)
    append.causation = first.first?.id
    let events = try await subject.store.append(append)
    #expect(events.map(\.causation) == [first.first?.id] + events.dropLast().map(\.id))
    #expect(Set(events.map(\.time)).count == 1)
    #expect(events.allSatisfy { $0.correlation == Story.id(1).rawValue })
    #expect(events.allSatisfy { $0.actor == Story.user && $0.schema == 1 })
  }

  private static func anAppendOfNothing(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1, to: .requested)
    let isUnchanged = try await subject.isUnchanged {
      let events = try await subject.store.append(Story.append([], to: 1, after: 1))
      #expect(events.isEmpty)
      let refusal = await subject.refusal(of: Story.append([], to: 1, after: 2))
      #expect(refusal == .conflict(actual: 1))
    }
    #expect(isUnchanged)
    #expect(subject.heard.events.count == 1)
  }

  private static func timeNeverFalls(_ subject: StoreUnderTest) async throws {
    subject.clock.set(Story.start + .seconds(10))
    _ = try await subject.store.append(Story.append([Story.registered]))
    subject.clock.set(Story.start)
    _ = try await subject.store.append(Story.append([.draining], after: 1))
    subject.clock.set(Story.start + .seconds(11))
    _ = try await subject.store.append(Story.append([.stopped], after: 2))
    let log = try await subject.log()
    let seconds = log.map { ($0.time - Story.start).count / 1000 }
    #expect(seconds == [10, 10, 11])
    #expect(log.map(\.id) == log.map(\.id).sorted() && Set(log.map(\.id)).count == 3)
    let since = try await subject.store.workers().first?.since
    #expect(since == (Story.start + .seconds(11)).milliseconds)
  }

  private static func saltsStandWithWords(_ subject: StoreUnderTest) async throws {
    let events = try await subject.tell(1, to: .committed)
    #expect(events.map(\.salt.count) == [16, 0, 0, 0])
    #expect(events.dropFirst().allSatisfy { $0.payloadHash == LogHash.emptyPayload })
    let again = try await subject.tell(2, to: .requested)
    #expect(again.first?.salt != events.first?.salt)
  }

  private static func appendsAtOnce(_ subject: StoreUnderTest) async throws {
    let clashes = await withTaskGroup(of: Int.self) { group in
      for n in 0..<16 {
        for _ in 0..<4 {
          group.addTask {
            var clashes = 0
            for (index, event) in Story.goodDay(n).enumerated() {
              let append = Story.append([event], to: n, after: Int64(index))
              switch await subject.refusal(of: append) {
              case nil: break
              case .conflict, .stampTaken: clashes += 1
              case let other: Issue.record("\(String(describing: other))")
              }
            }
            return clashes
          }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(clashes == 16 * 3 * 9)
    let log = try await subject.log()
    #expect(log.map(\.position) == Array(1...Int64(16 * 9)))
    for n in 0..<16 {
      let own = log.filter { $0.stream == .delegation(Story.id(n)) }
      #expect(own.map(\.event) == Story.goodDay(n).map { .delegation($0) })
    }
    #expect(subject.heard.events == log)
  }
}
