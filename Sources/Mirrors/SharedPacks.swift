// Accepted commits in the files that all servers of a store share, until they are pushed.
//
// A mirror is on one machine. Between a hand-in and its push an accepted commit is nowhere else, so
// its pack is put into the shared files before the hand-in is accepted. Another server fetches the
// commits that the pack is based on from the forge and unpacks it into its own mirror. A merge that
// the agent started from is made again; the same commits give the same one.
//
// A merge without conflicts, which the server made itself, has no pack: if it is lost before its
// push, it is made again.

import Domain
import Engine
import FoundationEssentials
import Glibc
import Processes
import Projections
import SystemCalls

/// What is needed besides a pack to make its commit again. It is written after the pack, so a pack
/// without it is incomplete.
private struct PackRecord: Codable {
  var repository: String
  var delegation: String
  var attempt: Int
  var parent: String
  /// The second parent of a merge; nil without one.
  var base: String?
  /// The length of the pack.
  var bytes: Int

  static let bytesMax = 64 << 10
}

extension GitMirrors {
  private static let packFolder = "packs"
  private static let packEnding = ".pack"
  private static let recordEnding = ".json"
  /// How long the pack of a delegation is kept after its last change, if that has ended: a failed
  /// one may be retried, and its commit pushed.
  private static let packAgeMax = Milliseconds.seconds(7 * 24 * 3600)

  private static func packPath(_ commit: ObjectID, _ ending: String) -> String {
    "\(packFolder)/\(commit)\(ending)"
  }

  // MARK: Keeping

  /// Puts the pack of a hand-in that was checked into the shared files, if there are such.
  func share(_ handIn: HandIn, pack: String) async throws(HandInRefusal) {
    guard let files = configuration.packs, try await !isShared(handIn.commit) else { return }
    let record = PackRecord(
      repository: handIn.repository.description, delegation: handIn.delegation.rawValue,
      attempt: handIn.attempt, parent: handIn.parent.rawValue, base: handIn.merge?.base.rawValue,
      bytes: MirrorFolder.size(ofFile: pack) ?? 0)
    do {
      let path = Self.packPath(handIn.commit, Self.packEnding)
      try await files.replace(path, with: [])
      var offset = 0
      while offset < record.bytes {
        let piece = try DurableFile.read(pack, from: offset, atMost: SharedFileLimits.writeMax)
        guard !piece.isEmpty else { break }
        try await files.write(piece, to: path, at: offset, of: offset)
        offset += piece.count
      }
      try await files.replace(
        Self.packPath(handIn.commit, Self.recordEnding),
        with: Array(try JSONEncoder().encode(record)))
    } catch {
      throw .unavailable("the commit cannot be kept for other servers: \(error)")
    }
  }

  /// Whether the shared files have the pack of a commit. True if there are no such files.
  func isShared(_ commit: ObjectID) async throws(HandInRefusal) -> Bool {
    do throws(SharedFileFault) {
      return try await configuration.packs?.read(
        Self.packPath(commit, Self.recordEnding), from: 0, atMost: 0) != nil
        || configuration.packs == nil
    } catch { throw .unavailable("\(error)") }
  }

  /// Removes the pack of a commit that is on the forge. If that fails, `collectPacks` does it.
  func forgetPack(_ commit: ObjectID) async {
    for ending in [Self.recordEnding, Self.packEnding] {
      _ = try? await configuration.packs?.remove(Self.packPath(commit, ending))
    }
  }

  /// Removes packs that a crash left, and those of delegations that ended more than a week ago.
  /// - Parameters:
  ///   - now: by the store's clock.
  ///   - isLive: whether a delegation has not ended.
  /// - Throws: `SharedFileFault`, or what `isLive` throws.
  package func collectPacks(
    at now: Timestamp, isLive: @Sendable (DelegationID) async throws -> Bool
  ) async throws {
    guard let files = configuration.packs else { return }
    let all = try await files.list(Self.packFolder)
    let known = Set(all.map(\.path))
    for file in all where file.changed < now + Milliseconds(-Self.packAgeMax.count) {
      if file.path.hasSuffix(Self.packEnding) {
        // One without a record is one whose hand-in was not completed.
        let record = file.path.dropLast(Self.packEnding.count) + Self.recordEnding
        if !known.contains(String(record)) { try await files.remove(file.path) }
        continue
      }
      if let record = try await record(at: file.path, in: files),
        try await isLive(DelegationID(record.delegation))
      {
        continue
      }
      try await files.remove(file.path)
      let stem = file.path.dropLast(Self.recordEnding.count)
      try await files.remove(stem + Self.packEnding)
    }
  }

  private func record(
    at path: String, in files: any SharedFiles
  ) async throws(SharedFileFault) -> PackRecord? {
    let bytes = try await files.whole(path, atMost: PackRecord.bytesMax)
    return bytes.flatMap { try? JSONDecoder().decode(PackRecord.self, from: Data($0)) }
  }

  // MARK: Putting back

  /// Makes a commit again that the mirror does not have, from the shared files. The caller has the
  /// mirror's permit.
  /// - Returns: false if the shared files do not have it, or what it is based on is gone.
  func putBack(
    _ commit: ObjectID, of repository: RepositoryName, in mirror: String
  ) async throws(MirrorFault) -> Bool {
    guard let files = configuration.packs, commit.isWhole else { return false }
    let record: PackRecord?
    do throws(SharedFileFault) {
      record = try await self.record(at: Self.packPath(commit, Self.recordEnding), in: files)
    } catch { throw Self.unreached(error) }
    guard let record, record.repository == repository.description else { return false }
    let parents = [record.parent, record.base].compactMap { $0.map { ObjectID($0) } }
    guard try await fetch(parents, of: repository, into: mirror) else { return false }
    if let base = record.base {
      let merging = Merging(
        delegation: DelegationID(record.delegation), head: ObjectID(record.parent),
        base: ObjectID(base), message: nil)
      _ = try await merge(repository, merging)
    }
    let quarantine: Quarantine
    do { quarantine = try MirrorFolder(mirror).makeQuarantine() } catch {
      throw MirrorFault(kind: .local, message: "the mirror cannot be written: \(error)")
    }
    defer { quarantine.remove() }
    let pack = "\(quarantine.objects)/handed-in"
    try await write(Self.packPath(commit, Self.packEnding), of: record.bytes, in: files, to: pack)
    try await local(
      ["index-pack", "--stdin", "--fix-thin", "--strict"], in: mirror,
      environment: quarantine.environment, input: .file(pack))
    do throws(FileFault) { try quarantine.release() } catch {
      throw MirrorFault(kind: .local, message: "the mirror cannot be written: \(error)")
    }
    guard try await has(commit, in: mirror) else { return false }
    let ref = "refs/aipm/hand-ins/\(record.delegation)/\(record.attempt)"
    try await local(["update-ref", ref, commit.rawValue], in: mirror)
    return true
  }

  /// Copies a shared file into a file of this machine.
  private func write(
    _ path: String, of length: Int, in files: any SharedFiles, to target: String
  ) async throws(MirrorFault) {
    do {
      let file = try OpenFile(target, O_WRONLY | O_CREAT | O_EXCL)
      var offset = 0
      while offset < length {
        let piece = try await files.read(path, from: offset, atMost: SharedFileLimits.readMax)
        guard let bytes = piece?.bytes, !bytes.isEmpty else { break }
        try file.write(bytes, at: offset)
        offset += bytes.count
      }
    } catch let fault as SharedFileFault {
      throw Self.unreached(fault)
    } catch {
      throw MirrorFault(kind: .local, message: "the pack cannot be written: \(error)")
    }
  }

  /// The database does not answer: the call is made again, as after a failure of the disk.
  private static func unreached(_ fault: SharedFileFault) -> MirrorFault {
    MirrorFault(kind: .local, message: "\(fault)")
  }

  /// Fetches commits by their names.
  /// - Returns: false if the forge does not have one of them any more.
  func fetch(
    _ commits: [ObjectID], of repository: RepositoryName, into mirror: String
  ) async throws(MirrorFault) -> Bool {
    var missing: [ObjectID] = []
    for commit in commits where commit.isWhole {
      if try await !has(commit, in: mirror) { missing.append(commit) }
    }
    guard !missing.isEmpty else { return true }
    let url = try await cloneURL(of: repository)
    let settings = remoteSettings(url, try await login()) + FetchGuard.settings
    let trace = CurlTrace(in: configuration.root)
    // A ref keeps them until that of the hand-in does.
    let wanted = missing.enumerated().map { "+\($1):refs/aipm/fetched/\($0)" }
    try await passForge()
    do {
      let result = try await Git.run(
        [
          "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", url,
        ] + wanted, gitDirectory: mirror, extraEnvironment: Self.network(url, trace),
        config: settings, timeout: configuration.fetchTimeout,
        fileBytesMax: configuration.fetchBytesMax)
      guard !FetchGuard.isFromShallow(result.errorText) else { return false }
    } catch {
      _ = MirrorFolder(mirror).takeUnfinishedPacks()
      // git's own line for a name that the forge does not know.
      if error.standardError.contains("not our ref") { return false }
      throw remoteFault(error, repository, trace)
    }
    return true
  }

  /// See `RepositoryMirrors`.
  package func provide(
    _ checkout: Checkout, of delegation: DelegationID
  ) async throws(MirrorFault) {
    guard configuration.packs != nil else { return }
    try await locks.withPermit(for: lockKey(checkout.repository)) {
      () async throws(MirrorFault) in
      let mirror = try await open(checkout.repository)
      try await provide(checkout, of: delegation, in: mirror)
    }
  }

  /// The same for a caller that has the mirror's permit.
  func provide(
    _ checkout: Checkout, of delegation: DelegationID, in mirror: String
  ) async throws(MirrorFault) {
    guard configuration.packs != nil, try await !has(checkout.start, in: mirror) else { return }
    let parents = [checkout.head, checkout.merge?.base].compactMap { $0 }
    guard try await fetch(parents, of: checkout.repository, into: mirror),
      let merge = checkout.merge
    else { return }
    let merging = Merging(
      delegation: delegation, head: checkout.head, base: merge.base, message: nil)
    _ = try await self.merge(checkout.repository, merging)
  }

  /// Gets commits that people look at and that the mirror does not have: from the shared files, or
  /// from the forge after they were pushed. Without shared files the mirror has what there is.
  func putBackForReading(
    _ change: MirrorChange, of repository: RepositoryName, in mirror: String
  ) async throws(MirrorFault) {
    guard configuration.packs != nil else { return }
    try await locks.withPermit(for: lockKey(repository)) { () async throws(MirrorFault) in
      var isMissing = false
      for commit in [change.from, change.to] where !isMissing {
        isMissing = try await !has(commit, in: mirror)
      }
      guard isMissing else { return }
      if try await putBack(change.to, of: repository, in: mirror) { return }
      _ = try await fetch([change.from, change.to], of: repository, into: mirror)
    }
  }
}
