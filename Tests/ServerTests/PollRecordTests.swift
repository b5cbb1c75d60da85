import Domain
import EventLog
import ForgePort
import FoundationEssentials
import InMemoryEventStore
import LogStories
import Randomness
import SystemCalls
import Testing

@testable import Server

/// What was read of the forge is used with the log that it was written beside, and with no other.
@Suite struct PollRecordTests {
  private func store() -> InMemoryEventStore<Seeded> {
    let clock = HandClock()
    return InMemoryEventStore(clock: { clock.now }, random: Seeded(1))
  }

  private func record() -> PollRecord {
    var record = PollRecord(forge: "https://forge")
    record.lists = ["acme/tools": "\"e\""]
    record.conversations = [.init(repository: "acme/tools", number: 1, updatedAt: 5)]
    return record
  }

  @Test func itIsReadBesideItsLogAlone() async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    try DurableFile.makeFolder(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = "\(folder)/polls.json"
    let log = store()
    #expect(await PollRecord.read(path, forge: "https://forge", log: log) == nil)
    _ = try await log.append(Story.append(Story.goodDay(1), to: 1))
    var written = record()
    try await written.write(path, log: log)
    #expect(await PollRecord.read(path, forge: "https://forge", log: log) == written)
    #expect(await PollRecord.read(path, forge: "https://other", log: log) == nil)
    // The log goes on.
    _ = try await log.append(Story.append(Story.goodDay(2), to: 2))
    #expect(await PollRecord.read(path, forge: "https://forge", log: log) == written)
    // An older copy of the log, and another log of the same length.
    #expect(await PollRecord.read(path, forge: "https://forge", log: store()) == nil)
    let other = store()
    _ = try await other.append(Story.append(Story.goodDay(3), to: 3))
    #expect(await PollRecord.read(path, forge: "https://forge", log: other) == nil)
    try DurableFile.replace(path, with: Array("{".utf8))
    #expect(await PollRecord.read(path, forge: "https://forge", log: log) == nil)
  }

  /// Another machine reads what this one has read; its own file is older.
  @Test func itIsSharedWithOtherServers() async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    try DurableFile.makeFolder(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (log, files) = (store(), InMemoryFiles())
    _ = try await log.append(Story.append(Story.goodDay(1), to: 1))
    var older = record()
    try await older.write("\(folder)/2", log: log)
    var newer = record()
    newer.lists["acme/tools"] = "\"f\""
    try await newer.write("\(folder)/1", log: log, shared: files)
    func read(_ files: InMemoryFiles?) async -> PollRecord? {
      await PollRecord.read("\(folder)/2", forge: "https://forge", log: log, shared: files)
    }
    #expect(await read(files) == newer)
    #expect(await read(InMemoryFiles()) == older)
    files.fail(1)
    #expect(await read(files) == older)
  }

  @Test func itIsWrittenAgainOnlyIfItSaysSomethingElse() {
    var other = record()
    (other.position, other.hash) = (7, "ab")
    #expect(record().says(other))
    other.lists["acme/tools"] = "\"f\""
    #expect(!record().says(other))
  }

  @Test func checksComeBackAndAreDueAtOnce() throws {
    let saved = CheckSchedule.Saved(
      repository: "acme/tools", number: 1, newest: "d", state: "Pushed",
      commit: String(repeating: "a", count: 40), pushedAt: 5, validator: "v", hasPending: true)
    var schedule = CheckSchedule()
    schedule.restore([saved])
    #expect(schedule.saved == [saved])
    let key = FeedbackWatch.PullRequestKey(
      repository: try #require(RepositoryName("acme/tools")), number: 1)
    #expect(schedule.validator(of: key, ObjectID(saved.commit ?? ""))?.rawValue == "v")
  }
}
