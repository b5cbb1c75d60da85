import Domain
import EventLog
import Foundation
import Testing

@testable import Server

/// Outputs are masked before they are kept, wherever they are cut, and none makes another wait.
struct OutputFilesTests {
  private static let token = "ghp_" + String(repeating: "aB3x", count: 9)
  private static let id = DelegationID("d1")

  private static func with(_ body: (OutputFiles, String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let mask = try SecretMask(secrets: [])
    try await body(OutputFiles(directory: folder, mask: mask), folder)
  }

  @Test(arguments: [1, 5, 30, 1000])
  func aCredentialIsStruckOutWhereverItIsCut(size: Int) async throws {
    try await Self.with { files, _ in
      let text = Array("first\n\(Self.token)\nlast\n".utf8)
      var place = 0
      while place < text.count {
        let piece = Array(text[place..<min(place + size, text.count)])
        place = try await files.append(piece, at: place, of: Self.id, attempt: 1, limit: 10_000)
      }
      let kept = try await files.read(Self.id, attempt: 1, from: 0, count: 10_000)
      let stars = String(repeating: "*", count: Self.token.utf8.count)
      #expect(String(decoding: kept, as: UTF8.self) == "first\n\(stars)\nlast\n")
    }
  }

  @Test func chunksThatComeTwiceSideBySideAreKeptOnce() async throws {
    try await Self.with { files, _ in
      let piece = Array("one line\n".utf8)
      let ends = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<20 {
          group.addTask {
            try await files.append(piece, at: 0, of: Self.id, attempt: 1, limit: 10_000)
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(ends.allSatisfy { $0 == piece.count })
      #expect(try await files.read(Self.id, attempt: 1, from: 0, count: 10_000) == piece)
    }
  }

  @Test func aLongOutputMakesNoOtherWait() async throws {
    try await Self.with { files, _ in
      let large = [UInt8](repeating: UInt8(ascii: "-"), count: 8 << 20)
      let order = Order()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          _ = try await files.append(large, at: 0, of: Self.id, attempt: 1, limit: large.count)
          await order.note("large")
        }
        // The file is there once the other has come in.
        while try await files.delegations().isEmpty { await Task.yield() }
        _ = try await files.append([97], at: 0, of: DelegationID("d2"), attempt: 1, limit: 10)
        await order.note("small")
        try await group.waitForAll()
      }
      #expect(await order.names == ["small", "large"])
    }
  }

  private actor Order {
    private(set) var names: [String] = []
    func note(_ name: String) { names.append(name) }
  }
}
