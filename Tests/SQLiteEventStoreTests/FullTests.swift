import Dispatch
import Domain
import EventLog
import LogStories
import Projections
import SQLite
import Testing

@testable import SQLiteEventStore

/// A disk that is full, as the database sees it: no page more than so many (SQLITE_FULL).
struct FullTests {
  /// One append that does not fit waits with others that do, so that one commit takes them all.
  @Test func whatFitsIsTakenAndWhatDoesNotIsRefused() async throws {
    let folder = try Folder()
    let store = try open(folder)
    _ = try await store.append(Story.append(Story.goodDay(0), to: 0))
    try await store.onWriter { pipeline in
      let pages = try pipeline.writer.database.integer("PRAGMA page_count") ?? 0
      try pipeline.writer.database.execute("PRAGMA max_page_count = \(pages + 60)")
    }
    let before = try await store.head().position
    let (held, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let holding = Task {
      try await store.onWriter { _ in
        held.signal()
        gate.wait()
      }
    }
    await wait(for: held)

    var large = Story.words
    large.objective = String(repeating: "x", count: 1 << 20)
    let requests = (1...9).map { n in
      Story.append([.requested(Story.request(n, text: n == 5 ? large : Story.words))], to: n)
    }
    let results = await withTaskGroup(of: (Int, Result<[RecordedEvent], AppendFault>).self) {
      group in
      for (index, append) in requests.enumerated() {
        group.addTask {
          do throws(AppendFault) { return (index, .success(try await store.append(append))) } catch
          {
            return (index, .failure(error))
          }
        }
      }
      // What is put after them is carried out after them.
      gate.signal()
      return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    try await holding.value
    for (index, result) in results {
      switch result {
      case .success(let events): #expect(index != 4 && events.count == 1)
      case .failure(let fault): #expect(index == 4 && fault == .full, "\(index): \(fault)")
      }
    }
    #expect(results.count == 9)
    #expect(try await store.head().position == before + 8)
    // It goes on once there is room, and what the views hold is what the log says.
    try await store.onWriter { try $0.writer.database.execute("PRAGMA max_page_count = 1000000") }
    _ = try await store.append(requests[4])
    await store.close()
    let log = try LogFile(path: folder.database)
    #expect(try log.differences().isEmpty)
    #expect(try log.head().position == before + 9)
  }
}
