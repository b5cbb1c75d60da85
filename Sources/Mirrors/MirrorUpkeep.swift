import Domain
import FoundationEssentials
import Processes
import SystemCalls

extension GitMirrors {
  /// Removes mirrors by age and size, and repacks the others. The next fetch makes a removed mirror
  /// again. A mirror that was used within the hour stays, and so does a commit that waits for its
  /// push: its delegation uses the mirror until then, or has failed.
  /// - Parameter inUse: whether a repository, by its path, is in use.
  package func collect(
    _ limits: CacheLimits, inUse: @Sendable (String) async -> Bool
  ) async {
    let root = configuration.root
    var known: [CachedRepository] = []
    for one in await GitCache.repositories(in: root) {
      guard let name = Self.name(of: one.path, in: root) else { continue }
      if await !inUse(name) { known.append(one) }
      guard let repository = RepositoryName(name) else { continue }
      await locks.withPermit(for: lockKey(repository)) {
        // A mirror that cannot be repacked is only slow.
        try? await GitCache.tidy(one.path)
      }
    }
    for one in GitCache.evicted(known, limits) {
      guard let name = Self.name(of: one.path, in: root), let repository = RepositoryName(name)
      else { continue }
      await locks.withPermit(for: lockKey(repository)) { remove(one.path) }
    }
  }

  /// Moves the mirror away first, so that a mirror in place is always complete.
  private func remove(_ mirror: String) {
    let away = "\(configuration.root)/.old-\(UUID().uuidString)"
    forget(mirror)
    guard (try? FileManager.default.moveItem(atPath: mirror, toPath: away)) != nil else { return }
    try? FileManager.default.removeItem(atPath: away)
  }

  private static func name(of path: String, in root: String) -> String? {
    guard path.hasPrefix("\(root)/"), path.hasSuffix(".git") else { return nil }
    return String(path.utf8.dropFirst(root.utf8.count + 1).dropLast(".git".utf8.count))
  }
}
