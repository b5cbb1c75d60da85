// Repositories that are kept so that the next use is fast: when they go, and how they stay fast.

import FoundationEssentials

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How long copies of repositories are kept.
package struct CacheLimits: Equatable, Sendable {
  /// One that was not used for so long goes.
  package var age: Duration
  /// Beyond so many bytes those go that were not used for longest.
  package var bytesMax: Int

  package init(age: Duration = .seconds(30 * 86_400), bytesMax: Int = 50 << 30) {
    self.age = age
    self.bytesMax = bytesMax
  }
}

/// A copy of a repository that may go.
package struct CachedRepository: Equatable, Sendable {
  package var path: String
  /// Since it was used.
  package var idle: Duration
  package var bytes: Int

  package init(path: String, idle: Duration, bytes: Int) {
    self.path = path
    self.idle = idle
    self.bytes = bytes
  }
}

/// Upkeep of bare repositories that somebody else is the origin of.
package enum GitCache {
  /// One that was used within this span stays, whatever its size: somebody may be reading it.
  package static let rest = Duration.seconds(3600)
  /// Where a repository tells by its time when it was used.
  private static let mark = "aipm-used"
  /// Beyond so many packs, or loose objects, git looks for each object in too many places.
  private static let packsMax = 20
  private static let looseMax = 2000

  /// Which of them go, the ones that were not used for longest first.
  package static func evicted(
    _ all: [CachedRepository], _ limits: CacheLimits
  ) -> [CachedRepository] {
    var total = all.reduce(0) { $0 + $1.bytes }
    return all.sorted { $0.idle > $1.idle }.filter { one in
      guard one.idle >= rest, one.idle >= limits.age || total > limits.bytesMax else {
        return false
      }
      total -= one.bytes
      return true
    }
  }

  /// Takes note that it is used now.
  package static func touch(_ repository: String) {
    let path = "\(repository)/\(mark)"
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    futimens(file, nil)
    close(file)
  }

  /// What is known of the repositories `ROOT/OWNER/NAME.git`, whose owners may be paths of folders.
  /// - Parameter beside: paths that belong to the repository at a path, and count to its size.
  package static func repositories(
    in root: String, beside: @Sendable (String) -> [String] = { _ in [] }
  ) async -> [CachedRepository] {
    var found: [CachedRepository] = []
    var folders = [root]
    while let folder = folders.popLast() {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      for name in names where folder != root || name.first != "." {
        let path = "\(folder)/\(name)"
        guard name.hasSuffix(".git") else {
          if !name.hasSuffix(".slot"), !name.hasPrefix(".") { folders.append(path) }
          continue
        }
        guard let idle = idle(path) else { continue }
        var bytes = 0
        for part in [path] + beside(path) { bytes += await DiskUse.bytes(of: part) ?? 0 }
        found.append(CachedRepository(path: path, idle: idle, bytes: bytes))
      }
    }
    return found
  }

  /// One without a mark was made before there were marks: its own age counts.
  private static func idle(_ repository: String) -> Duration? {
    var facts = stat()
    guard stat("\(repository)/\(mark)", &facts) == 0 || stat(repository, &facts) == 0 else {
      return nil
    }
    return .seconds(max(0, time(nil) - facts.st_mtim.tv_sec))
  }

  /// Puts packs and loose objects together where they have become many. Nothing is lost by it,
  /// reachable or not: commits that wait for their push are held by nothing but their ref.
  package static func tidy(_ repository: String) async throws(GitFault) {
    guard isUntidy(repository) else { return }
    try await Git.run(
      ["repack", "-d", "-q", "--geometric=2"], gitDirectory: repository,
      config: [("core.fsync", "all")], timeout: .seconds(600))
    try await Git.run(
      ["pack-refs", "--all"], gitDirectory: repository, config: [("core.fsync", "all")],
      timeout: .seconds(60))
  }

  static func isUntidy(_ repository: String) -> Bool {
    let files = FileManager.default
    let packs = (try? files.contentsOfDirectory(atPath: "\(repository)/objects/pack")) ?? []
    if packs.count(where: { $0.hasSuffix(".pack") }) > packsMax { return true }
    // As git gc estimates: one of 256 folders stands for all.
    let loose = (try? files.contentsOfDirectory(atPath: "\(repository)/objects/17")) ?? []
    return loose.count * 256 > looseMax
  }
}

/// What files take on disk.
package enum DiskUse {
  /// In bytes, with everything below; nil where it could not be measured within `limit`.
  package static func bytes(of path: String, limit: Duration = .seconds(60)) async -> Int? {
    await measured(["--block-size=1"], path, limit)
  }

  /// Files and folders, with everything below; nil where they could not be counted within `limit`.
  package static func entries(of path: String, limit: Duration = .seconds(60)) async -> Int? {
    await measured(["--inodes"], path, limit)
  }

  private static func measured(
    _ options: [String], _ path: String, _ limit: Duration
  ) async -> Int? {
    let command = Command(
      "du", ["-s", "-x"] + options + ["--", path], timeout: limit, outputLimit: 4096)
    // What vanishes while it is counted makes du complain and count on.
    guard let result = try? await command.run() else { return nil }
    return result.outputText.split(separator: "\t").first.flatMap { Int($0) }
  }
}
