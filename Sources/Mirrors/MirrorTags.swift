// A repository's tags, for agents that ask git for the version of their checkout.
//
// A mirror keeps them as a list in one file and not as refs. 50,000 refs would be as many files,
// each synced separately, and a tag `a` that was replaced by `a/b` would prevent it for ever. The
// list is replaced as a whole, so tags that were deleted on the forge disappear. It contains only
// tags of objects in the mirror: no history is fetched for a tag.
//
// No delegation depends on tags. If the forge does not list them, or sends a tag object that git's
// checks refuse, the known tags stay.

import Domain
import Engine
import ForgePort
import FoundationEssentials
import Processes
import Synchronization

/// When the tags of each repository were last read.
final class TagTimes: Sendable {
  private let times = Mutex<[RepositoryName: ContinuousClock.Instant]>([:])

  /// Whether it is time to read the tags. If so, they count as read now.
  func take(_ repository: RepositoryName, every interval: Duration) -> Bool {
    let now = ContinuousClock.now
    return times.withLock { times in
      if let last = times[repository], now - last < interval { return false }
      if times.count > 10_000 { times = [:] }
      times[repository] = now
      return true
    }
  }
}

extension GitMirrors {
  /// Updates the list of tags, unless that was done recently.
  /// - Parameters:
  ///   - url: of the repository's git.
  ///   - login: for it.
  func refreshTags(
    _ repository: RepositoryName, from url: String, _ login: GitLogin, into mirror: String
  ) async {
    guard tagTimes.take(repository, every: configuration.tagsInterval) else { return }
    let trace = CurlTrace(in: configuration.root)
    do {
      let remote = try await Git.run(
        ["ls-remote", "--tags", url], gitDirectory: mirror,
        extraEnvironment: Self.network(url, trace),
        config: remoteSettings(url, login), timeout: configuration.tagsTimeout,
        outputLimit: TagList.bytesMax)
      let known = TagList.listing(ofMirror: mirror)
      let list = try await present(
        TagList(listing: remote.standardOutput), known: TagList(listing: known), in: mirror
      ) { missing in
        try await fetch(tags: missing, from: url, login, into: mirror, trace)
      }
      let listing = list.listing
      guard listing != known else { return }
      try Data(listing).write(
        to: URL(filePath: "\(mirror)/\(TagList.fileName)"), options: .atomic)
    } catch let fault as GitFault {
      // A limit of the forge is obeyed, whichever command met it.
      _ = remoteFault(fault, repository, trace)
    } catch {
      // A full disk is reported by the calls that depend on it.
    }
  }

  /// The tags of objects in the mirror.
  /// - Parameters:
  ///   - known: the tags of before, whose objects are all in the mirror.
  ///   - fetch: fetches tag objects.
  private func present(
    _ list: TagList, known: TagList, in mirror: String,
    _ fetch: ([String]) async throws -> Void
  ) async throws -> TagList {
    let there = Set(known.tags.map(\.object))
    let new = list.tags.filter { !there.contains($0.object) }
    let targets = try await TagList.resolve(new.map { $0.target ?? $0.object }, in: mirror)
    let wanted = zip(new, targets).filter { $0.1 != nil }.map(\.0)
    let annotated = wanted.filter { $0.target != nil }.map(\.object)
    let missing = zip(annotated, try await TagList.resolve(annotated, in: mirror))
      .filter { $0.1 == nil }.map(\.0)
    if !missing.isEmpty {
      // Without these the others are still valid.
      do { try await fetch(missing) } catch { _ = MirrorFolder(mirror).takeUnfinishedPacks() }
    }
    let objects = wanted.map(\.object)
    let found = Set(try await TagList.resolve(objects, in: mirror).compactMap(\.self))
    return list.filter { there.contains($0.object) || found.contains($0.object) }
  }

  /// Fetches tag objects, whose targets are in the mirror already.
  private func fetch(
    tags: [String], from url: String, _ login: GitLogin, into mirror: String, _ trace: CurlTrace
  ) async throws(GitFault) {
    var input: [UInt8] = []
    for tag in tags { input += tag.utf8 + [10] }
    try await Git.run(
      [
        "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
        "--stdin", url,
      ], gitDirectory: mirror, extraEnvironment: Self.network(url, trace),
      config: remoteSettings(url, login) + FetchGuard.settings, input: .bytes(input),
      timeout: configuration.fetchTimeout, fileBytesMax: configuration.fetchBytesMax)
  }
}
