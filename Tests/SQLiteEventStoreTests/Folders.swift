import Dispatch
import Domain
import EventLog
import Foundation
import LogStories
import Projections
import SQLite
import SQLiteEventStore

/// A data folder of its own, which goes with it.
final class Folder: Sendable {
  let path = NSTemporaryDirectory() + "aipm-store-" + UUID().uuidString
  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// No folder, and none that could be made.
  static let missing = "/proc/nothing/here"

  var database: String { path + "/aipm.db" }
}

func open(_ folder: Folder, clock: HandClock = HandClock()) throws -> SQLiteEventStore {
  try SQLiteEventStore.open(directory: folder.path, clock: { clock.now }, onCommit: { _ in })
}

/// Fills a folder with a random log and closes it.
func fill(_ folder: Folder, seed: Int = 1, appends: Int) async throws {
  let clock = HandClock()
  let store = try open(folder, clock: clock)
  var random = RandomLog(seed: seed)
  for _ in 0..<appends {
    let append = random.next()
    clock.set(random.now)
    _ = try await store.append(append)
  }
  await store.close()
}

/// Changes the database as another program would.
func edit(_ folder: Folder, _ sql: String) throws {
  let database = try Database(path: folder.database, mode: .readWriteCreate)
  try database.execute(sql)
}

extension LogFile {
  /// Everything that is wrong with the log and its views, each in a line.
  func differences() throws -> [String] {
    var fold = LogFold(isChecking: true)
    let comparison = try compare(with: &fold)
    return fold.faults + comparison.faults
      + comparison.differences.map { "\($0.key.view.rawValue) \($0.key)" }
  }
}

/// Waits for a semaphore without a thread that tasks share.
func wait(for semaphore: DispatchSemaphore) async {
  await withCheckedContinuation { waiting in
    Thread.detachNewThread {
      semaphore.wait()
      waiting.resume()
    }
  }
}
