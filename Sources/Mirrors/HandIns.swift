import Domain
import Engine
import Processes
import SystemCalls

// Accepts a worker's commit. It arrives as a thin pack from a process that runs an agent, so it is
// not trusted. It is unpacked in quarantine with git's strict checks. Only the commit that the
// lease expects, within the rules, is moved into the mirror.
//
// Whether the change or the machine is at fault is decided by git's exit code, its time, the length
// of its output, and a probe of the disk. Git's messages are shown and never parsed.

extension GitMirrors {
  /// Accepts a commit, or refuses it and keeps nothing of it in the mirror. Repeating an accepted
  /// hand-in succeeds. Returns after commit and ref are on disk.
  /// - Parameter pack: the path of a thin pack of the commit, based on its parent.
  package func accept(_ handIn: HandIn, pack: String) async throws(HandInRefusal) {
    try await locks.withPermit(for: lockKey(handIn.repository)) { () async throws(HandInRefusal) in
      let mirror = try await unavailable { () async throws(MirrorFault) in
        try await open(handIn.repository)
      }
      guard handIn.delegation.rawValue.utf8.allSatisfy({ $0 != UInt8(ascii: "/") }) else {
        throw .malformed("\(handIn.delegation) is no delegation's name")
      }
      for name in [handIn.commit, handIn.parent] where !name.isWhole {
        throw .malformed("\(name) is no commit's name")
      }
      try await unavailable { () async throws(MirrorFault) in
        let start = Checkout(
          repository: handIn.repository, head: handIn.parent, merge: handIn.merge)
        try await provide(start, of: handIn.delegation, in: mirror)
      }
      let quarantine: Quarantine
      do { quarantine = try MirrorFolder(mirror).makeQuarantine() } catch {
        throw .unavailable("the mirror cannot be written: \(error)")
      }
      defer { quarantine.remove() }
      try await check(handIn, pack: pack, quarantine)
      try await share(handIn, pack: pack)
      do { try quarantine.release() } catch {
        throw .unavailable("the mirror cannot be written: \(error)")
      }
      try await unavailable { () async throws(MirrorFault) in
        try await local(["update-ref", Self.ref(of: handIn), handIn.commit.rawValue], in: mirror)
      }
      failures.forget(handIn.commit.rawValue)
    }
  }

  /// Counts what a commit changes that `accept` has taken.
  /// - Returns: nil if the mirror does not have it under the ref of its attempt, or if other
  ///   servers could not get it.
  package func figures(of handIn: HandIn) async throws(HandInRefusal) -> HandInFigures? {
    let (mirror, kept) = try await unavailable { () async throws(MirrorFault) in
      let mirror = try await open(handIn.repository)
      let format = ["for-each-ref", "--format=%(objectname)", Self.ref(of: handIn)]
      return (mirror, try await local(format, in: mirror).trimmedOutput)
    }
    guard kept == handIn.commit.rawValue, try await isShared(handIn.commit) else { return nil }
    let git = HandInGit(
      mirror: mirror, commit: handIn.commit, failures: failures,
      limit: configuration.handInTimeout)
    return try await HandInCheck(handIn, git: git, secrets: secrets).figures()
  }

  /// Where the commit of an attempt is kept.
  private static func ref(of handIn: HandIn) -> String {
    "refs/aipm/hand-ins/\(handIn.delegation)/\(handIn.attempt)"
  }

  private func check(
    _ handIn: HandIn, pack: String, _ quarantine: Quarantine
  ) async throws(HandInRefusal) {
    guard let bytes = MirrorFolder.size(ofFile: pack) else {
      throw .unavailable("the pack cannot be read")
    }
    guard bytes <= handIn.packBytesMax else {
      throw .refused(
        message: "the change is larger than \(handIn.packBytesMax) bytes, packed, and may hold "
          + "\(handIn.bytesMax) bytes",
        hint: "Have the agent leave large files out, or raise limits.change in the workflow.")
    }
    let git = HandInGit(
      mirror: quarantine.mirror, quarantine: quarantine, commit: handIn.commit, packBytes: bytes,
      failures: failures, limit: configuration.handInTimeout)
    try await unpack(pack, handIn, with: git)
    let check = HandInCheck(handIn, git: git, secrets: secrets)
    do throws(HandInRefusal) {
      try await check.run()
    } catch {
      guard case .refused(let message, let hint, nil) = error else { throw error }
      throw .refused(message: message, hint: hint, patch: await check.patch())
    }
  }

  private func unpack(
    _ pack: String, _ handIn: HandIn, with git: HandInGit
  ) async throws(HandInRefusal) {
    // A bound on memory: a small pack can contain a very large object.
    let memory = max(640 << 20, 2 * handIn.bytesMax)
    let arguments = [
      "index-pack", "--stdin", "--fix-thin", "--max-input-size=\(handIn.packBytesMax)",
    ]
    let environment = ["GIT_ALLOC_LIMIT": String(memory)]
    guard let strict = try await git.failure(arguments + ["--strict"], pack: pack, environment)
    else { return }
    // Either the pack is damaged, or git's checks forbid its content. Without the checks an
    // undamaged pack can be unpacked, and its commit is complete.
    if let broken = try await git.failure(arguments, pack: pack, environment) {
      throw .malformed("\(broken)")
    }
    let walk = ["rev-list", "--objects", "--quiet", handIn.commit.rawValue, "^\(handIn.start)"]
    if let broken = try await git.failure(walk, pack: nil) { throw .malformed("\(broken)") }
    // Another attempt of the same agent would make the same change.
    throw .refused(
      message: "git's own checks refuse the change: \(strict)",
      hint: "It holds names or settings that could harm the machine that checks it out.")
  }
}

/// Turns a failure of the server's own git into a refusal after which the worker tries again.
@discardableResult
func unavailable<Value>(
  _ body: () async throws(MirrorFault) -> Value
) async throws(HandInRefusal) -> Value {
  do { return try await body() } catch { throw .unavailable(error.message) }
}
