import FoundationEssentials
import Testing

@testable import Processes

@Suite("Copies of repositories") struct GitCacheTests {
  private func one(_ name: String, hours: Int, _ bytes: Int) -> CachedRepository {
    CachedRepository(path: name, idle: .seconds(hours * 3600), bytes: bytes)
  }

  @Test("old ones go, and beyond the size those not used for longest, never one just used")
  func evicted() {
    let all = [one("a", hours: 0, 90), one("b", hours: 5, 40), one("c", hours: 800, 1)]
    let limits = CacheLimits(age: .seconds(720 * 3600), bytesMax: 131)
    #expect(GitCache.evicted(all, limits).map(\.path) == ["c"])
    #expect(
      GitCache.evicted(all, CacheLimits(age: limits.age, bytesMax: 100)).map(\.path) == ["c", "b"])
    #expect(GitCache.evicted(all, CacheLimits(age: limits.age, bytesMax: 10)).count == 2)
    #expect(GitCache.evicted(all, CacheLimits()).map(\.path) == ["c"])
  }

  @Test("many packs become few, and unreachable objects are kept")
  func tidy() async throws {
    let root = FileManager.default.temporaryDirectory.path + "/aipm-cache-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    let repository = "\(root)/o/r.git"
    try FileManager.default.createDirectory(
      atPath: "\(root)/o", withIntermediateDirectories: true)
    try await Git.run(["init", "-q", "--bare", repository])
    var blobs: [String] = []
    for number in 0..<22 {
      let blob = try await Git.run(
        ["hash-object", "-w", "--stdin"], gitDirectory: repository,
        input: .bytes(Array("blob \(number)".utf8))
      ).trimmedOutput
      blobs.append(blob)
      let objects = "\(repository)/objects"
      try await Git.run(
        ["pack-objects", "-q", "\(objects)/pack/pack"], gitDirectory: repository,
        input: .bytes(Array("\(blob)\n".utf8)))
      try await Git.run(["prune-packed", "-q"], gitDirectory: repository)
    }
    #expect(GitCache.isUntidy(repository))
    try await GitCache.tidy(repository)
    #expect(!GitCache.isUntidy(repository))
    for blob in blobs { try await Git.run(["cat-file", "-e", blob], gitDirectory: repository) }
    GitCache.touch(repository)
    let found = await GitCache.repositories(in: root)
    #expect(found.map(\.path) == [repository] && (found.first?.bytes ?? 0) > 0)
    #expect((found.first?.idle ?? .seconds(99)) < .seconds(60))

    // Owners may be paths of groups. Working trees and what is being made are no repositories.
    for name in ["a/b/c.git", ".new-1/x.git", "a/b/c.slot/d.git"] {
      try FileManager.default.createDirectory(
        atPath: "\(root)/\(name)", withIntermediateDirectories: true)
    }
    let all = await GitCache.repositories(in: root).map(\.path).sorted()
    #expect(all == ["\(root)/a/b/c.git", repository])
  }
}
