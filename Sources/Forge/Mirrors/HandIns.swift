import Domain
import Engine
import Processes

// Taking a worker's commit in. It comes as a thin pack from a process that runs an agent, so
// nothing of it is believed: it is unpacked in quarantine, with git's own strict checks, and only
// what is exactly the commit that the lease speaks of, within the rules, is moved into the mirror.

extension GitMirrors {
  /// Takes a commit in, or refuses it and leaves nothing of it. The same hand-in again is accepted
  /// again.
  /// - Parameter pack: the path of a thin pack that holds the commit, over its parent.
  /// - Returns: once commit and ref are on disk, what the change amounts to.
  package func accept(
    _ handIn: HandIn, pack: String
  ) async throws(HandInRefusal) -> HandInFigures {
    try await locks.withLock(handIn.repository) { () async throws(HandInRefusal) in
      let mirror = try await unavailable { () async throws(MirrorFault) in
        try await open(handIn.repository)
      }
      let ref = "refs/aipm/hand-ins/\(handIn.delegation)/\(handIn.attempt)"
      guard handIn.delegation.rawValue.utf8.allSatisfy({ $0 != UInt8(ascii: "/") }) else {
        throw .malformed("\(handIn.delegation) is no delegation's name")
      }
      let quarantine: Quarantine
      do { quarantine = try MirrorFolder(mirror).makeQuarantine() } catch {
        throw .unavailable("the mirror cannot be written: \(error)")
      }
      defer { quarantine.remove() }
      try await unpack(pack, into: quarantine)
      let check = HandInCheck(handIn, mirror: mirror, quarantine: quarantine, mirrors: self)
      let figures = try await check.run()
      do { try quarantine.release() } catch {
        throw .unavailable("the mirror cannot be written: \(error)")
      }
      try await unavailable { () async throws(MirrorFault) in
        try await local(["update-ref", ref, handIn.commit.rawValue], in: mirror)
      }
      return figures
    }
  }

  private func unpack(_ pack: String, into quarantine: Quarantine) async throws(HandInRefusal) {
    guard let bytes = MirrorFolder.size(ofFile: pack) else {
      throw .unavailable("the pack cannot be read")
    }
    guard bytes <= configuration.packBytesMax else {
      throw .refused(
        message: "the change is larger than \(configuration.packBytesMax) bytes, packed",
        hint: "Have the agent leave large files out.")
    }
    do {
      try await Git.run(
        [
          "index-pack", "--stdin", "--fix-thin", "--strict",
          "--max-input-size=\(configuration.packBytesMax)",
        ], gitDirectory: quarantine.mirror, extraEnvironment: quarantine.environment,
        config: Self.durability, input: .file(pack), timeout: configuration.localTimeout)
    } catch {
      let isOurs = ["No space left", "Read-only file system", "unable to create", "write error"]
        .contains { error.standardError.contains($0) }
      if error.cause != nil || isOurs { throw .unavailable("\(error)") }
      if error.standardError.contains("fsck error") {
        // Whole, and of a kind that git takes from nobody: the same agent would make it again.
        throw .refused(
          message: "git's own checks refuse the change: \(error)",
          hint: "It holds names or settings that could harm whoever checks it out.")
      }
      throw .malformed("\(error)")
    }
  }

  /// The patch between two commits of the mirror, for people: its first `limit` bytes.
  package func patch(
    _ repository: RepositoryName, from: ObjectID, to: ObjectID, limit: Int
  ) async throws(MirrorFault) -> [UInt8] {
    let mirror = try await open(repository)
    for commit in [from, to] where !(try await has(commit, in: mirror)) {
      throw MirrorFault(
        kind: .objectMissing, message: "the commit \(commit) is not in the mirror of \(repository)")
    }
    let command = Command(
      "git",
      [
        "diff-tree", "-p", "-M", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv",
        from.rawValue, to.rawValue,
      ], environment: Git.environment(gitDirectory: mirror), timeout: configuration.localTimeout,
      outputLimit: max(1, limit))
    do {
      let result = try await command.run()
      // A program whose output is cut goes on to its end all the same.
      guard result.succeeded else {
        throw MirrorFault(kind: .local, message: Credentials.masked(result.errorText))
      }
      return result.standardOutput
    } catch let fault as MirrorFault {
      throw fault
    } catch {
      throw MirrorFault(kind: .local, message: "\(error)")
    }
  }
}

/// Our own git's failure while a hand-in is looked at: the worker comes again.
@discardableResult
func unavailable<Value>(
  _ body: () async throws(MirrorFault) -> Value
) async throws(HandInRefusal) -> Value {
  do { return try await body() } catch { throw .unavailable(error.message) }
}
