import Domain
import EventLog
import Foundation
import InMemoryEventStore
import Projections
import Testing

@testable import Server

/// Outputs that all servers of a store share: none depends on a machine.
struct SharedOutputTests {
  private static let token = "ghp_" + String(repeating: "aB3x", count: 9)
  private static let id = DelegationID("d1")
  private static let path = "output/d1/1.log"

  private static func with(
    _ body: (InMemoryFiles, String) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(InMemoryFiles(), folder)
  }

  private static func outputs(
    _ folder: String, _ files: InMemoryFiles, role: OutputFiles.Role = .writes
  ) throws -> OutputFiles {
    OutputFiles(
      directory: folder, mask: try SecretMask(secrets: []), shared: files, role: role)
  }

  private static func append(
    _ text: String, at offset: Int, to outputs: OutputFiles, limit: Int = 1_000_000
  ) async throws -> Int {
    try await outputs.append(Array(text.utf8), at: offset, of: id, attempt: 1, limit: limit)
  }

  private static func text(_ outputs: OutputFiles) async throws -> String {
    String(
      decoding: try await outputs.read(id, attempt: 1, from: 0, count: 1_000_000), as: UTF8.self)
  }

  @Test(arguments: [1, 5, 30, 1000])
  func aCredentialIsStruckOutWhereverItIsCut(size: Int) async throws {
    try await Self.with { files, folder in
      let text = Array("first\n\(Self.token)\nlast\n".utf8)
      let outputs = try Self.outputs(folder, files)
      var place = 0
      while place < text.count {
        let piece = Array(text[place..<min(place + size, text.count)])
        place = try await outputs.append(
          piece, at: place, of: Self.id, attempt: 1, limit: 10_000)
      }
      let stars = String(repeating: "*", count: Self.token.utf8.count)
      #expect(try await Self.text(outputs) == "first\n\(stars)\nlast\n")
      #expect(!FileManager.default.fileExists(atPath: folder))
    }
  }

  @Test func chunksThatComeTwiceSideBySideAreKeptOnce() async throws {
    try await Self.with { files, folder in
      let outputs = try Self.outputs(folder, files)
      let ends = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<20 {
          group.addTask { try await Self.append("one line\n", at: 0, to: outputs) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(ends.allSatisfy { $0 == 9 })
      #expect(try await Self.text(outputs) == "one line\n")
      #expect(try await Self.append("past", at: 20, to: outputs) == 9)
      #expect(try await Self.append("over", at: 9, to: outputs, limit: 9) == 13)
      #expect(try await Self.text(outputs) == "one line\n")
    }
  }

  /// No bytes are acknowledged to a worker before they are in the store. What a server only
  /// read is confirmed first, since a standby may not have it.
  @Test func nothingIsAcknowledgedBeforeItIsInTheStore() async throws {
    try await Self.with { files, folder in
      let outputs = try Self.outputs(folder, files)
      files.fail(2)
      await #expect(throws: SharedFileFault.self) {
        try await Self.append("lost", at: 0, to: outputs)
      }
      files.fail(0)
      #expect(try await Self.append("kept", at: 0, to: outputs) == 4)
      let next = files.takenOver()
      let after = try Self.outputs(folder, next)
      let before = next.writes
      #expect(try await Self.append("kept", at: 0, to: after) == 4)
      #expect(next.writes == before + 1)
      #expect(try await Self.append("kept", at: 0, to: after) == 4)
      #expect(next.writes == before + 1)
    }
  }

  /// A server that another one replaced changes nothing, and reads what is there.
  @Test func aReplacedServerChangesNothing() async throws {
    try await Self.with { files, folder in
      let old = try Self.outputs(folder, files)
      #expect(try await Self.append("one ", at: 0, to: old) == 4)
      let new = try Self.outputs(folder + "-2", files.takenOver())
      #expect(try await Self.append("two ", at: 4, to: new) == 8)
      await #expect(throws: SharedFileFault.taken) {
        try await Self.append("zombie", at: 4, to: old)
      }
      await #expect(throws: SharedFileFault.taken) { try await old.remove(Self.id) }
      await #expect(throws: SharedFileFault.taken) {
        try await old.keep(patch: [1], of: Self.id, attempt: 1)
      }
      #expect(try await Self.text(old) == "one two ")
      #expect(try await Self.append("three", at: 8, to: new) == 13)
    }
  }

  @Test func aReaderSeesWhatAnotherServerWrites() async throws {
    try await Self.with { files, folder in
      let writer = try Self.outputs(folder, files)
      let reader = try Self.outputs(folder, files.unbound, role: .reads)
      _ = try await Self.append("one", at: 0, to: writer)
      var signals = await reader.follow(Self.id, attempt: 1).makeAsyncIterator()
      var seen = ""
      while seen != "one" {
        await signals.next()
        seen = try await Self.text(reader)
      }
      _ = try await Self.append(" two", at: 3, to: writer)
      while seen != "one two" {
        await signals.next()
        seen = try await Self.text(reader)
      }
      try await writer.keep(patch: Array("patch".utf8), of: Self.id, attempt: 2)
      #expect(try await reader.patches(of: Self.id) == [2])
      #expect(try await reader.patch(of: Self.id, attempt: 2) == Array("patch".utf8))
      #expect(try await reader.delegations() == [Self.id])
      // It writes nothing itself.
      await #expect(throws: SharedFileFault.taken) {
        try await Self.append("x", at: 7, to: reader)
      }
      await #expect(throws: SharedFileFault.taken) { try await reader.remove(Self.id) }
      #expect(try await writer.remove(Self.id) == 1)
      #expect(try await Self.text(reader) == "")
      #expect(try await reader.delegations() == [])
    }
  }

  /// Outputs from before are moved once, whole; a file of this machine is never believed after.
  @Test func outputsFromBeforeAreMoved() async throws {
    try await Self.with { files, folder in
      let before = OutputFiles(directory: folder)
      let texts = ["d1": "only here", "d2": "moved in part", "d3": "moved", "d4": "x"]
      for (id, text) in texts {
        _ = try await before.append(
          Array(text.utf8), at: 0, of: DelegationID(id), attempt: 1, limit: 100)
      }
      _ = try await before.append([], at: 0, of: DelegationID("d5"), attempt: 1, limit: 100)
      try await before.keep(patch: [1, 2], of: Self.id, attempt: 1)
      try await files.replace("output/d2/1.log", with: Array("moved in".utf8))
      try await files.replace("output/d3/1.log", with: Array("moved, and continued".utf8))
      try await files.replace("output/d4/1.log", with: Array("another one".utf8))
      let outputs = try Self.outputs(folder, files)
      #expect(try await outputs.shareFolder() == ["\(folder)/d4/1.log"])
      var moved: [String: String] = [:]
      for file in try await files.list("output") {
        let bytes = try await files.whole(file.path, atMost: 100) ?? []
        moved[file.path] = String(decoding: bytes, as: UTF8.self)
      }
      #expect(
        moved == [
          "output/d1/1.log": "only here", "output/d1/1.patch": "\u{1}\u{2}",
          "output/d2/1.log": "moved in part", "output/d3/1.log": "moved, and continued",
          "output/d4/1.log": "another one", "output/d5/1.log": "",
        ])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["d4"])
      // What is removed is gone here, too.
      #expect(try await outputs.remove(DelegationID("d4")) == 2)
      #expect(try await outputs.shareFolder() == [])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
      #expect(try await files.read("output/d4/1.log", from: 0, atMost: 1) == nil)
    }
  }

  /// The next server reads the end of a long output, in which a credential begins.
  @Test func aCredentialIsStruckOutAcrossATakeover() async throws {
    try await Self.with { files, folder in
      let line = String(repeating: "a line of output\n", count: 2000) + Self.token.prefix(9)
      var place = try await Self.append(line, at: 0, to: try Self.outputs(folder, files))
      let next = try Self.outputs(folder, files.takenOver())
      place = try await Self.append(Self.token.dropFirst(9) + " end", at: place, to: next)
      let stars = String(repeating: "*", count: Self.token.utf8.count)
      #expect(try await Self.text(next) == line.dropLast(9) + stars + " end")
      #expect(place == line.utf8.count - 9 + Self.token.utf8.count + 4)
    }
  }
}
