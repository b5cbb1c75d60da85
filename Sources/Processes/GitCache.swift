// Caches of repositories: eviction, and maintenance that keeps them fast.

import FoundationEssentials
import Glibc
import SystemCalls

/// When cached repositories are evicted.
package struct CacheLimits: Equatable, Sendable {
  /// A repository that was unused for this long is evicted.
  package var age: Duration
  /// Above this total size, the repositories that were unused longest are evicted.
  package var bytesMax: Int

  package init(age: Duration = .seconds(30 * 86_400), bytesMax: Int = 50 << 30) {
    self.age = age
    self.bytesMax = bytesMax
  }
}

/// A cached repository.
package struct CachedRepository: Equatable, Sendable {
  package var path: String
  /// The time since it was last used.
  package var idle: Duration
  package var bytes: Int
}

/// Maintenance of bare repositories that can be fetched again.
package enum GitCache {
  /// A repository that was used within this span is never evicted: it may be in use.
  package static let rest = Duration.seconds(3600)
  /// A file whose modification time is the time of the last use.
  private static let mark = "aipm-used"
  /// With more packs, or loose objects, git's object lookup becomes slow.
  private static let packsMax = 20
  private static let looseMax = 2000

  /// The repositories to evict, the longest unused first.
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

  /// Records a use now.
  package static func touch(_ repository: String) {
    if let file = try? OpenFile("\(repository)/\(mark)", O_WRONLY | O_CREAT) {
      futimens(file.descriptor, nil)
    }
  }

  /// The repositories `ROOT/OWNER/NAME.git`, whose owners may be paths of folders.
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

  /// A repository without a mark has the age of its folder.
  private static func idle(_ repository: String) -> Duration? {
    var facts = stat()
    guard stat("\(repository)/\(mark)", &facts) == 0 || stat(repository, &facts) == 0 else {
      return nil
    }
    return .seconds(max(0, time(nil) - facts.st_mtim.tv_sec))
  }

  /// Repacks a repository that has many packs or loose objects. It keeps unreachable objects: only
  /// a ref protects commits that wait for their push.
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
    // As in git gc: one of 256 folders is representative.
    let loose = (try? files.contentsOfDirectory(atPath: "\(repository)/objects/17")) ?? []
    return loose.count * 256 > looseMax
  }
}

/// Disk usage.
package enum DiskUse {
  /// In bytes, including everything below; nil if it could not be measured within `limit`.
  package static func bytes(of path: String, limit: Duration = .seconds(60)) async -> Int? {
    await measured(["--block-size=1"], path, limit)
  }

  /// Files and folders, including everything below; nil if they could not be counted within
  /// `limit`.
  package static func entries(of path: String, limit: Duration = .seconds(60)) async -> Int? {
    await measured(["--inodes"], path, limit)
  }

  private static func measured(
    _ options: [String], _ path: String, _ limit: Duration
  ) async -> Int? {
    let command = Command(
      "du", ["-s", "-x"] + options + ["--", path], timeout: limit, outputLimit: 4096)
    // If files vanish meanwhile, du reports an error and continues.
    guard let result = try? await command.run() else { return nil }
    return result.outputText.split(separator: "\t").first.flatMap { Int($0) }
  }
}
