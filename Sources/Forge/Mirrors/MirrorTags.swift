// A repository's tags, for agents that ask git which version they stand on.
//
// A mirror has them as a list in one file and not as refs: 50,000 refs are as many files, each
// synced by itself, and a tag `a` that was replaced by `a/b` would be in the way for ever. The list
// is replaced whole, so what is gone from the forge is gone from it. It names those tags alone that
// stand for something in the mirror: no history is fetched for the sake of a tag.
//
// No delegation depends on tags. Where the forge does not tell them, or sends a tag object that is
// taken from nobody, those stay that are known.

import Domain
import Engine
import FoundationEssentials
import Processes
import Synchronization

/// When the tags of each repository were asked for last.
final class TagTimes: Sendable {
  private let times = Mutex<[RepositoryName: ContinuousClock.Instant]>([:])

  /// Whether they are due; if so, they count as asked for.
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
  /// Brings the list of tags up to date, if it was not just now.
  /// - Parameters:
  ///   - url: of the repository's git.
  ///   - token: for it.
  func refreshTags(
    _ repository: RepositoryName, from url: String, token: String, into mirror: String
  ) async {
    guard tagTimes.take(repository, every: configuration.tagsInterval) else { return }
    let trace = CurlTrace(in: configuration.root)
    do {
      let told = try await Git.run(
        ["ls-remote", "--tags", url], gitDirectory: mirror,
        extraEnvironment: Self.network(url, trace),
        config: remoteSettings(url, token: token), timeout: configuration.tagsTimeout,
        outputLimit: TagList.bytesMax)
      let known = TagList.listing(ofMirror: mirror)
      let list = try await present(
        TagList(listing: told.standardOutput), known: TagList(listing: known), in: mirror
      ) { missing in
        try await fetch(tags: missing, from: url, token: token, into: mirror, trace)
      }
      let listing = list.listing
      guard listing != known else { return }
      try Data(listing).write(
        to: URL(filePath: "\(mirror)/\(TagList.fileName)"), options: .atomic)
    } catch let fault as CommandFault {
      // What the forge asks of this process is obeyed, whatever it was asked for.
      _ = remoteFault(fault, repository, trace)
    } catch {
      // A disk that takes nothing is told by what depends on it.
    }
  }

  /// The tags that stand for something in the mirror.
  /// - Parameters:
  ///   - known: those of before, all of which are there.
  ///   - fetch: brings tag objects.
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
      // Without these the others are still true.
      do { try await fetch(missing) } catch { _ = MirrorFolder(mirror).takeUnfinishedPacks() }
    }
    let objects = wanted.map(\.object)
    let found = Set(try await TagList.resolve(objects, in: mirror).compactMap(\.self))
    return list.filter { there.contains($0.object) || found.contains($0.object) }
  }

  /// Tag objects alone: what they stand for is there.
  private func fetch(
    tags: [String], from url: String, token: String, into mirror: String, _ trace: CurlTrace
  ) async throws(CommandFault) {
    var input: [UInt8] = []
    for tag in tags { input += tag.utf8 + [10] }
    try await Git.run(
      [
        "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
        "--stdin", url,
      ], gitDirectory: mirror, extraEnvironment: Self.network(url, trace),
      config: remoteSettings(url, token: token) + FetchGuard.settings, input: .bytes(input),
      timeout: configuration.fetchTimeout, fileBytesMax: configuration.fetchBytesMax)
  }
}
