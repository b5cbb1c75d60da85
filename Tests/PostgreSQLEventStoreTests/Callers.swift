#if PostgreSQL

import Domain
import EventLog
import LogStories
import PostgreSQLEventStore
import Synchronization
import Testing

/// Eight callers that append at once, and try again what was refused for now.
final class Callers: Sendable {
  private struct State {
    var hashes: [Int64: [UInt8]] = [:]
    var isRepeated = false
    var refusals = 0
    var isOver = false
  }
  private let state = Mutex(State())

  /// How many events were acknowledged.
  var acknowledged: Int { state.withLock { $0.hashes.count } }
  /// How many appends were refused for now.
  var refusals: Int { state.withLock { $0.refusals } }
  private var isOver: Bool { state.withLock { $0.isOver } }

  /// Appends until `body` has returned.
  func append(to store: PostgreSQLEventStore, while body: @escaping @Sendable () throws -> Void)
    async throws
  {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<8 {
        group.addTask {
          var n = caller
          while !self.isOver {
            for (index, event) in Story.goodDay(n).enumerated() {
              guard await self.append(event, to: n, after: Int64(index), of: store) else { return }
            }
            n += 8
          }
        }
      }
      group.addTask {
        defer { self.state.withLock { $0.isOver = true } }
        try body()
      }
      try await group.waitForAll()
    }
  }

  /// - Returns: whether the event is in the log.
  private func append(
    _ event: DelegationEvent, to n: Int, after version: Int64, of store: PostgreSQLEventStore
  ) async -> Bool {
    var isUnknown = false
    while true {
      do throws(AppendFault) {
        take(try await store.append(Story.append([event], to: n, after: version)))
        return true
      } catch {
        switch error {
        case .unavailable:
          isUnknown = true
          state.withLock { $0.refusals += 1 }
          await Task.yield()
        case .full:
          state.withLock { $0.refusals += 1 }
          await Task.yield()
        // What was refused as unknown is in the log after all.
        case .conflict(version + 1) where isUnknown: return true
        case .duplicate where isUnknown: return true
        case _:
          Issue.record("delegation \(n), event \(version + 1): \(error)")
          return false
        }
      }
    }
  }

  private func take(_ events: [RecordedEvent]) {
    state.withLock { state in
      for event in events {
        let known = state.hashes.updateValue(event.hash, forKey: event.position)
        if known != nil { state.isRepeated = true }
      }
    }
  }

  /// Whether the log has no gap, and everything that was acknowledged is in it as it was.
  func expectAll(in store: PostgreSQLEventStore) async throws {
    let log = try await store.read(after: 0, limit: 1_000_000)
    #expect(log.map(\.position) == Array(1...Int64(log.count)))
    let hashes = Dictionary(uniqueKeysWithValues: log.map { ($0.position, $0.hash) })
    let known = state.withLock { $0 }
    #expect(!known.isRepeated)
    #expect(known.hashes.allSatisfy { hashes[$0.key] == $0.value })
    // Each event of a delegation is there once.
    let streams = Dictionary(grouping: log) { $0.stream.number }
    #expect(streams.values.allSatisfy { $0.map(\.version) == Array(1...Int64($0.count)) })
  }
}

#endif
