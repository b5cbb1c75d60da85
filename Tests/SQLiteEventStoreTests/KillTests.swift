import Cryptography
import EventLog
import Foundation
import Glibc
import LogStories
import Projections
import Randomness
import SQLiteEventStore
import Testing
import Text

/// A process that writes is killed at random moments. Whatever it was answered for is in the log.
struct KillTests {
  private static let rounds = 8

  @Test func whatWasAnsweredOutlivesTheProcess() async throws {
    let folder = try Folder()
    var random = Seeded(20)
    var known: [Int64: String] = [:]
    for round in 0..<Self.rounds {
      let acknowledged = try await writeAndKill(
        folder, first: round * 100_000, after: Int.random(in: 1...400, using: &random))
      #expect(!acknowledged.isEmpty)
      known.merge(acknowledged) { first, second in
        Issue.record("a position was given out twice")
        return first + second
      }
      // Each opening checks the log against the head outside; a LogFile checks all of it.
      let store = try open(folder)
      #expect(store.damage == nil)
      let head = try await store.head()
      let log = try await store.read(after: 0, limit: 1_000_000)
      await store.close()
      #expect(log.count == Int(head.position))
      let hashes = Dictionary(uniqueKeysWithValues: log.map { ($0.position, Hex.encode($0.hash)) })
      let lost = known.filter { hashes[$0.key] != $0.value }
      #expect(lost.isEmpty, "round \(round)")
      #expect(try LogFile(path: folder.database).differences().isEmpty)
    }
    #expect(known.count > Self.rounds)
  }

  /// - Returns: the events that the writer was answered for, by position.
  private func writeAndKill(
    _ folder: Folder, first: Int, after count: Int
  ) async throws -> [Int64: String] {
    try await withCheckedThrowingContinuation { caller in
      DispatchQueue.global().async {
        caller.resume(
          with: Result { try Self.writeAndKillBlocking(folder, first: first, after: count) })
      }
    }
  }

  private static func writeAndKillBlocking(
    _ folder: Folder, first: Int, after count: Int
  ) throws -> [Int64: String] {
    let writer = Process()
    writer.executableURL = try executable("log-writer")
    writer.arguments = [folder.path, String(first)]
    let output = Pipe()
    writer.standardOutput = output
    try writer.run()
    var text = Data()
    while text.count(where: { $0 == UInt8(ascii: "\n") }) < count {
      let chunk = output.fileHandleForReading.availableData
      if chunk.isEmpty { break }
      text += chunk
    }
    kill(writer.processIdentifier, SIGKILL)
    text += output.fileHandleForReading.readDataToEndOfFile()
    writer.waitUntilExit()
    #expect(writer.terminationReason == .uncaughtSignal)
    // A last line without its end was being written.
    let lines = String(decoding: text, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).dropLast()
    var acknowledged: [Int64: String] = [:]
    for line in lines {
      let parts = line.split(separator: " ")
      let position = try #require(parts.first.flatMap { Int64($0) }, "\(line)")
      acknowledged[position] = String(try #require(parts.last))
    }
    return acknowledged
  }

  private static func executable(_ name: String) throws -> URL {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent(name)
  }
}
