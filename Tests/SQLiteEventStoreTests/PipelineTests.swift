import Dispatch
import Domain
import EventLog
import Foundation
import LogStories
import Projections
import SQLite
import Synchronization
import Testing

@testable import SQLiteEventStore

/// Appends that wait together are divided: a batch is planned while the one before is committed.
struct PipelineTests {
  typealias Outcome = Result<[RecordedEvent], AppendFault>

  private static let count = 60
  private let folder: Folder
  private let store: SQLiteEventStore
  /// The number of appends that were planned: the clock is read for each.
  private let planned: Count

  init() throws {
    let planned = Count()
    self.planned = planned
    folder = try Folder()
    store = try SQLiteEventStore.open(
      directory: folder.path,
      clock: {
        planned.add()
        return Story.start
      }, onCommit: { _ in })
  }

  /// Puts appends into the queue while the store is held, so that they are taken together.
  /// - Parameter waited: signalled once all have waited.
  private func appendTogether(
    _ appends: [Append], waited: DispatchSemaphore? = nil
  ) async throws -> [Outcome] {
    let store = store
    let (held, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    async let holding: Void = store.onWriter { _ in
      held.signal()
      gate.wait()
    }
    await wait(for: held)
    let results = await withTaskGroup(of: (Int, Outcome).self) { group in
      for (index, append) in appends.enumerated() {
        group.addTask {
          do throws(AppendFault) { return (index, .success(try await store.append(append))) } catch
          {
            return (index, .failure(error))
          }
        }
      }
      while store.waiting < appends.count { await Task.yield() }
      gate.signal()
      waited?.signal()
      return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    try await holding
    return appends.indices.compactMap { results[$0] }
  }

  private static func requests(_ range: Range<Int>) -> [Append] {
    range.map { Story.append([.requested(Story.request($0))], to: $0) }
  }

  /// The commit with the twentieth event fails for good.
  private func refuseEvent20() async throws {
    try await store.onWriter {
      try $0.writer.database.execute(
        """
        CREATE TEMP TRIGGER refuse BEFORE INSERT ON events WHEN NEW.position = 20
        BEGIN SELECT RAISE(ABORT, 'refused'); END
        """)
    }
  }

  @Test("a key and a stamp have one owner, also if both appends wait together")
  func uniqueValues() async throws {
    let half = Self.count / 2
    let byKey = (0..<Self.count).map { n in
      let key = Requested.IdempotencyKey(key: "key \(n % half)", body: "body")
      return Story.append([.requested(Story.request(n, key: key))], to: n)
    }
    let results = try await appendTogether(byKey)
    for one in 0..<half {
      let other = one + half
      let isFirst = results[one].fault == nil
      #expect(results[isFirst ? one : other].fault == nil)
      #expect(
        results[isFirst ? other : one].fault
          == .duplicate(of: Story.id(isFirst ? one : other), body: "body"))
    }
    let byStamp = (0..<Self.count).map { n in
      Story.append([.requested(Story.request(1000 + n % half))], to: 2000 + n)
    }
    let faults = try await appendTogether(byStamp).compactMap(\.fault)
    #expect(faults == Array(repeating: .stampTaken, count: half))
    try await expectSound(events: Self.count)
  }

  @Test("those that arrive during a commit are planned meanwhile", .timeLimit(.minutes(1)))
  func joining() async throws {
    let other = try Database(path: folder.database, mode: .readWriteCreate)
    try other.execute("BEGIN IMMEDIATE")
    let waited = DispatchSemaphore(value: 0)
    async let first = appendTogether(Self.requests(0..<Self.count), waited: waited)
    await wait(for: waited)
    while store.waiting > 0 { await Task.yield() }
    let store = store
    try await withThrowingTaskGroup(of: Void.self) { group in
      for wave in 1...3 {
        for append in Self.requests(wave * Self.count..<(wave + 1) * Self.count) {
          group.addTask { _ = try await store.append(append) }
        }
        // The first half waits for the other connection, on the thread that commits.
        while planned.value < (wave + 1) * Self.count { await Task.yield() }
      }
      try other.execute("COMMIT")
      try await group.waitForAll()
    }
    #expect(try await first.allSatisfy { $0.fault == nil })
    try await expectSound(events: 4 * Self.count)
  }

  @Test("what was planned on a batch that did not fit is planned again")
  func fullDisk() async throws {
    try await store.onWriter { pipeline in
      let pages = try pipeline.writer.database.integer("PRAGMA page_count") ?? 0
      try pipeline.writer.database.execute("PRAGMA max_page_count = \(pages + 200)")
    }
    var large = Story.words
    large.objective = String(repeating: "x", count: 1 << 20)
    let appends = (0..<Self.count).map { n in
      Story.append([.requested(Story.request(n, text: n % 20 == 5 ? large : Story.words))], to: n)
    }
    let results = try await appendTogether(appends)
    for (n, result) in results.enumerated() {
      #expect(result.fault == (n % 20 == 5 ? .full : nil), "\(n)")
    }
    try await store.onWriter { try $0.writer.database.execute("PRAGMA max_page_count = 1000000") }
    _ = try await store.append(appends[5])
    try await expectSound(events: Self.count - 2)
  }

  @Test("after a commit that failed for good nothing is written, and each caller hears it")
  func damage() async throws {
    try await refuseEvent20()
    for result in try await appendTogether(Self.requests(0..<Self.count)) {
      guard case .damaged? = result.fault else {
        Issue.record("\(result)")
        continue
      }
    }
    try await expectSound(events: 0)
  }

  @Test("each caller hears of a commit that fails during the close", .timeLimit(.minutes(1)))
  func closing() async throws {
    try await refuseEvent20()
    let other = try Database(path: folder.database, mode: .readWriteCreate)
    try other.execute("BEGIN IMMEDIATE")
    let waited = DispatchSemaphore(value: 0)
    async let results = appendTogether(Self.requests(0..<Self.count), waited: waited)
    await wait(for: waited)
    // The first half waits for the other connection, and the second half is planned on it.
    while planned.value < Self.count { await Task.yield() }
    async let closed: Void = store.close()
    while !store.isClosing { await Task.yield() }
    try other.execute("COMMIT")
    for result in try await results {
      guard case .damaged? = result.fault else {
        Issue.record("\(result)")
        continue
      }
    }
    await closed
    try await expectSound(events: 0)
  }

  /// Closes the store and checks that the views are those of the log.
  private func expectSound(events: Int) async throws {
    await store.close()
    let log = try LogFile(path: folder.database)
    #expect(try log.head().position == Int64(events))
    #expect(try log.differences().isEmpty)
  }
}

private final class Count: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .relaxed) }
  func add() { count.add(1, ordering: .relaxed) }
}

extension PipelineTests.Outcome {
  fileprivate var fault: AppendFault? {
    if case .failure(let fault) = self { fault } else { nil }
  }
}
