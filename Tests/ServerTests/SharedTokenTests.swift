import Access
import Domain
import Foundation
import InMemoryEventStore
import Projections
import Testing

@testable import Server

/// Tokens and revocations that were acknowledged are on every server, whatever machine is lost.
struct SharedTokenTests {
  /// One server: its folder's tokens, and how it exchanges them.
  private struct Machine {
    let store: TokenStore
    let shared: SharedTokens

    init(_ root: String, _ name: String, _ files: InMemoryFiles) {
      store = TokenStore(data: "\(root)/\(name)")
      shared = SharedTokens(store, files)
    }

    var valid: Set<String> { Set(store.all().filter { $0.revoked == nil }.map(\.name)) }
  }

  private static func with(
    _ body: (InMemoryFiles, (String) -> Machine) async throws -> Void
  ) async throws {
    let root = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    let files = InMemoryFiles().unbound
    try await body(files) { Machine(root, $0, files) }
  }

  @Test func aTokenOutlivesItsMachine() async throws {
    try await Self.with { files, machine in
      let first = machine("first")
      let made = try await first.store.create(
        "ci", role: .submit, repositories: ["acme/*"], by: "ann", sharing: first.shared)
      let second = machine("second")
      try await second.shared.exchange()
      #expect(TokenCache(second.store).find(made.text) == made.record)
      // The name is taken on every machine.
      await #expect(throws: TokenStore.Fault.nameTaken("ci")) {
        try await second.store.create("ci", role: .submit, sharing: second.shared)
      }
      let third = machine("third")
      await #expect(throws: TokenStore.Fault.nameTaken("ci")) {
        try await third.store.create("ci", role: .submit, sharing: third.shared)
      }
    }
  }

  @Test func aRevocationOutlivesItsMachine() async throws {
    try await Self.with { files, machine in
      let (first, second) = (machine("first"), machine("second"))
      let made = try await first.store.create("ci", role: .submit, sharing: first.shared)
      try await second.shared.exchange()
      #expect(second.valid == ["ci"])
      // By a machine that never had it.
      let third = machine("third")
      try await third.store.revoke("ci", by: "bob", sharing: third.shared)
      // The others still have it as valid, and write it as such.
      try await files.replace(
        "tokens/\(made.record.id).json", with: Array(try JSONEncoder().encode(made.record)))
      for machine in [first, second] {
        try await machine.shared.exchange()
        #expect(machine.valid == [])
        let record = try #require(machine.store.find(made.record.id))
        #expect(record.revokedBy == "bob" && record.created == made.record.created)
        #expect(TokenCache(machine.store).find(made.text) == nil)
      }
      try await machine("fourth").shared.exchange()
      #expect(machine("fourth").valid == [])
      // The name is free again.
      _ = try await first.store.create("ci", role: .submit, sharing: first.shared)
      try await second.shared.exchange()
      #expect(second.valid == ["ci"])
    }
  }

  /// Without the store nothing is said to be made; a revocation is made up for later.
  @Test func aStoreThatDoesNotAnswer() async throws {
    try await Self.with { files, machine in
      let first = machine("first")
      _ = try await first.store.create("old", role: .submit, sharing: first.shared)
      // The first exchange fails; then the one after the token was made.
      files.fail(1)
      await #expect(throws: TokenStore.Fault.self) {
        try await first.store.create("new", role: .submit, sharing: first.shared)
      }
      #expect(first.valid == ["old"])
      try await first.shared.exchange()
      let other = InMemoryFilesFailingWrites(files)
      let failing = SharedTokens(first.store, other)
      await #expect(throws: TokenStore.Fault.self) {
        try await first.store.create("new", role: .submit, sharing: failing)
      }
      #expect(first.valid == ["old"])
      await #expect(throws: TokenStore.Fault.self) {
        try await first.store.revoke("old", sharing: failing)
      }
      // It counts here at once, and everywhere after the next exchange.
      #expect(first.valid == [])
      try await first.shared.exchange()
      let second = machine("second")
      try await second.shared.exchange()
      #expect(second.valid == [] && second.store.all().map(\.name) == ["old"])
    }
  }

  /// What a folder had before its store was shared, and the worker that a token is bound to.
  @Test func whatAFolderHadIsShared() async throws {
    try await Self.with { files, machine in
      let (first, second) = (machine("first"), machine("second"))
      let made = try first.store.create("builder", role: .worker)
      _ = try first.store.createLocal(WorkerID("worker-1"))
      _ = try second.store.create("other", role: .submit)
      try second.store.revoke("other")
      try await first.shared.exchange()
      try await second.shared.exchange()
      try await first.shared.exchange()
      #expect(first.valid == ["builder", "local:worker-1"])
      #expect(second.valid == ["builder"])
      #expect(first.store.all().contains { $0.name == "other" && $0.revoked != nil })
      #expect(try second.store.bind(made.record, to: "w7"))
      try await second.shared.exchange()
      try await first.shared.exchange()
      #expect(first.store.find(made.record.id)?.worker == "w7")
      // Without a change nothing is written.
      let writes = files.writes
      for machine in [first, second] { try await machine.shared.exchange() }
      #expect(files.writes == writes)
      // What is no token is no harm.
      try await files.replace("tokens/0000.json", with: Array("no json".utf8))
      try await first.shared.exchange()
      #expect(first.valid == ["builder", "local:worker-1"])
    }
  }
}

/// Files that can be read only.
private struct InMemoryFilesFailingWrites: SharedFiles {
  private let files: InMemoryFiles

  init(_ files: InMemoryFiles) { self.files = files }

  func read(
    _ path: String, from offset: Int, atMost count: Int
  ) async throws(SharedFileFault) -> SharedPiece? {
    try await files.read(path, from: offset, atMost: count)
  }
  func write(
    _ bytes: [UInt8], to path: String, at offset: Int, of length: Int
  ) async throws(SharedFileFault) { throw .unavailable("no writes") }
  func replace(_ path: String, with bytes: [UInt8]) async throws(SharedFileFault) {
    throw .unavailable("no writes")
  }
  func list(_ folder: String) async throws(SharedFileFault) -> [SharedFile] {
    try await files.list(folder)
  }
  func names(in folder: String) async throws(SharedFileFault) -> [String] {
    try await files.names(in: folder)
  }
  func remove(_ path: String) async throws(SharedFileFault) -> [String] {
    throw .unavailable("no writes")
  }
}
