#if PostgreSQL

import Domain
import EventLog
import Foundation
import LogStories
import PostgreSQL
import PostgreSQLCluster
import PostgreSQLEventStore
import Projections
import SQLiteEventStore
import Testing
import Text

/// The same log in both kinds of stores.
extension PostgreSQLTests {
  /// A SQLite store with a random log, some of whose texts are redacted.
  private func filledFolder() async throws -> String {
    let folder = NSTemporaryDirectory() + "aipm-copy-" + UUID().uuidString
    let clock = HandClock()
    let store = try SQLiteEventStore.open(directory: folder, clock: { clock.now })
    try await Self.fill(store, clock, seed: 7, appends: 400)
    _ = try await store.append(Story.append(EveryEvent.system))
    _ = try await store.append(
      Story.append(
        [.requested(Story.request(950, key: .init(key: "k", body: "b")))], to: 950))
    _ = try await store.append(
      Story.append(Story.goodDay(951), to: 951))
    let texts = try await store.texts(endedBefore: clock.now + .seconds(9), limit: 5)
    if !texts.isEmpty { _ = try await store.redact(texts, reason: "r", by: Story.user) }
    await store.close()
    return folder
  }

  private func log(_ reader: any LogReader) async throws -> [StoredEvent] {
    try await reader.read(after: 0, limit: 1_000_000)
  }

  private func expectEqual(_ first: any LogReader, _ second: any LogReader) async throws {
    let (a, b) = (try await log(first), try await log(second))
    #expect(a.count == b.count && a.count > 400)
    for (a, b) in zip(a, b) {
      #expect(a.hash == b.hash && a.salt == b.salt && a.body == b.body && a.detail == b.detail)
      #expect(a.json.canonical == b.json.canonical)
    }
    #expect(try await first.head() == second.head())
  }

  @Test func aLogGoesThereAndBack() async throws {
    let folder = try await filledFolder()
    let back = folder + "-back"
    try FileManager.default.createDirectory(atPath: back, withIntermediateDirectories: true)
    defer {
      for path in [folder, back] { try? FileManager.default.removeItem(atPath: path) }
    }
    let source = SQLiteDriver(folder: folder)
    let scratch = try Cluster.shared.database()
    let there = try await scratch.driver.copy(from: try source.reader()) { _ in }
    let original = try await source.reader().verify { _ in }
    #expect(there.isSound && there.head == original.head && there.digests == original.digests)
    try await expectEqual(try source.reader(), try scratch.driver.reader())
    // It goes on where the other one ended.
    let store = try scratch.open(Self.options())
    let refused = Story.append(
      [.requested(Story.request(960, key: .init(key: "k", body: "b")))], to: 960)
    await #expect(throws: AppendFault.duplicate(of: Story.id(950), body: "b")) {
      try await store.append(refused)
    }
    _ = try await store.append(Story.append(Story.goodDay(961), to: 961))
    await store.close()
    #expect(store.damage == nil)
    let copied = try await SQLiteDriver(folder: back).copy(from: try scratch.driver.reader()) {
      _ in
    }
    #expect(copied.isSound && copied.head.position == original.head.position + 9)
    try await expectEqual(try SQLiteDriver(folder: back).reader(), try scratch.driver.reader())
    let again = try SQLiteEventStore.open(directory: back, clock: { Story.start })
    #expect(again.damage == nil)
    await again.close()
    // Neither overwrites a log.
    await #expect(throws: StoreFault.self) {
      try await scratch.driver.copy(from: try source.reader()) { _ in }
    }
    await #expect(throws: StoreFault.self) {
      try await source.copy(from: try scratch.driver.reader()) { _ in }
    }
  }

  @Test func aCorruptLogIsNotCopied() async throws {
    let folder = try await filledFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let scratch = try Cluster.shared.database()
    _ = try await scratch.driver.copy(from: try SQLiteDriver(folder: folder).reader()) { _ in }
    try scratch.session().execute("UPDATE events SET actor = 'mallory' WHERE position = 20")
    let target = folder + "/copy.db"
    let fault = await #expect(throws: StoreFault.self) {
      try await scratch.driver.backUp(to: target) { _ in }
    }
    #expect(fault?.message.contains("event 20 was changed") == true)
    #expect(!FileManager.default.fileExists(atPath: target))
    let other = try Cluster.shared.database()
    await #expect(throws: StoreFault.self) {
      try await other.driver.copy(from: try scratch.driver.reader()) { _ in }
    }
    #expect(throws: NoLog.self) { try other.driver.reader() }
  }

  @Test func aBackupIsReadByReplayAndRestored() async throws {
    let scratch = try Cluster.shared.database()
    let clock = HandClock()
    let store = try scratch.open(Self.options(clock))
    try await Self.fill(store, clock, seed: 3, appends: 200)
    let folder = scratch.folder + "/backup"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // While the server runs.
    let backup = try await scratch.driver.backUp(to: folder + "/aipm.db") { _ in }
    #expect(backup.isSound)
    #expect(try await backup.head == store.head())
    let replay = Process()
    replay.executableURL = try executable("aipm-replay")
    replay.arguments = ["--data", folder, "--verify"]
    replay.standardOutput = FileHandle.nullDevice
    try replay.run()
    replay.waitUntilExit()
    #expect(replay.terminationStatus == 0)
    _ = try await store.append(Story.append(Story.goodDay(900), to: 900))
    // A server that still has the log after a restore can write nothing more.
    let restored = try await scratch.driver.restore(from: folder + "/aipm.db") { _ in }
    #expect(restored.head == backup.head && restored.digests == backup.digests)
    await #expect(throws: AppendFault.self) {
      try await store.append(Story.append(Story.goodDay(901), to: 901))
    }
    await store.close()
    // The head file knows of more.
    let older = try scratch.open(Self.options(clock))
    #expect(older.damage?.contains("it once reached") == true)
    await older.close()
    var options = Self.options(clock)
    options.acceptsRestore = true
    let accepted = try scratch.open(options)
    #expect(accepted.damage == nil && accepted.acceptedRestore == backup.head.position)
    await accepted.close()
  }

  /// A program that was built with this one.
  private func executable(_ name: String) throws -> URL {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent(name)
  }
}

#endif
