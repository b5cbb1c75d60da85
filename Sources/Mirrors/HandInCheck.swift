import Domain
import Engine
import Processes
import Screening

/// Checks a commit in quarantine: is it the one that the lease expects, and does its change follow
/// the rules? `index-pack --strict` has checked that it is complete.
///
/// Everything is compared as bytes and read as a stream, because the agent controls how much output
/// git produces.
struct HandInCheck {
  private let handIn: HandIn
  private let git: HandInGit
  private let secrets: SecretSearch

  /// - Parameter secrets: the secrets that a change may not contain.
  init(_ handIn: HandIn, git: HandInGit, secrets: SecretSearch) {
    self.handIn = handIn
    self.git = git
    self.secrets = secrets
  }

  func run() async throws(HandInRefusal) {
    try await checkCommit()
    let restored = try await checkRestored()
    let changes = try await changes().filter { $0.path != restored }
    try checkPaths(changes)
    try await checkSizes(changes)
    try await checkConflicts()
    try await checkCredentials(changes)
  }

  /// Counts the change of a commit that passed the checks.
  func figures() async throws(HandInRefusal) -> HandInFigures {
    let restored = try await checkRestored()
    let changes = try await changes().filter { $0.path != restored }
    var figures = try await figures(
      besides: handIn.restored.flatMap { restored == nil ? nil : $0.path })
    figures.flagged = changes.lazy.filter { !$0.blob.isNone && FlaggedPaths.contain($0.path) }
      .prefix(FlaggedPaths.shownMax).map { FlaggedPaths.shown($0.path) }
    return figures
  }

  /// The change as a patch for `git apply`, for people to look at if it was refused.
  /// - Returns: nil if it is empty, too large to be looked at, cannot be read, or adds what looks
  ///   like a credential: then it is shown to nobody.
  func patch() async -> [UInt8]? {
    do throws(HandInRefusal) {
      let restored = try await checkRestored()
      let list = try await changes(atMost: Self.patchFilesMax)
      guard list.changes.count <= Self.patchFilesMax, !list.hasLongPath else { return nil }
      try await checkCredentials(list.changes.filter { $0.path != restored })
      let patch = try await git.run(
        ["diff-tree", "-p", "--binary", "--no-renames", "--no-ext-diff", "--no-textconv"] + ends
          + besides(restored == nil ? nil : handIn.restored?.path),
        outputLimit: Self.patchBytesMax)
      return patch.isEmpty ? nil : patch
    } catch {
      return nil
    }
  }

  /// The bounds of a patch that is kept. Nobody looks at more files, and the worker waits for the
  /// answer while its credentials are sought. Bytes are bounded as for a patch that a worker sends.
  private static let patchFilesMax = 2_000
  private static let patchBytesMax = 8 << 20

  private func checkCredentials(_ changes: [Change]) async throws(HandInRefusal) {
    let credentials = CredentialCheck(
      changes: changes, parent: handIn.start, exemptions: handIn.exemptions, git: git)
    try await credentials.run(secrets)
  }

  /// Checks parent and message.
  private func checkCommit() async throws(HandInRefusal) {
    let commit = handIn.commit
    // Reads the type only, because a missing commit is then an answer and not a failure.
    let known = try await git.run(["cat-file", "--batch-check"], input: Array("\(commit)\n".utf8))
    guard known.starts(with: "\(commit) commit ".utf8) else {
      throw .malformed("the pack does not hold \(commit)")
    }
    let bytes = try await git.run(
      ["cat-file", "commit", commit.rawValue], outputLimit: handIn.message.utf8.count + 65_536)
    guard let end = bytes.firstRange(of: Array("\n\n".utf8)) else {
      throw .malformed("\(commit) is not a commit with a message")
    }
    let parents = bytes[..<end.lowerBound].split(separator: 10)
      .filter { $0.starts(with: "parent ".utf8) }
    let wanted = [handIn.parent] + (handIn.merge.map { [$0.base] } ?? [])
    guard
      parents.elementsEqual(wanted.map { Array("parent \($0)".utf8) }, by: { $0.elementsEqual($1) })
    else {
      let names = wanted.map(\.rawValue).joined(separator: " and ")
      throw .malformed("\(commit) does not stand on \(names) alone")
    }
    guard bytes[end.upperBound...].elementsEqual(handIn.message.utf8) else {
      throw .malformed("\(commit) has another message than the one that was assigned")
    }
  }

  /// Checks that a merge has no conflict left.
  private func checkConflicts() async throws(HandInRefusal) {
    guard let merge = handIn.merge else { return }
    let marks = ConflictMarks([handIn.parent.rawValue, merge.base.rawValue])
    let files = MergedFiles(
      try await git.run(MergedFiles.command(handIn.commit.rawValue), outputLimit: 256 << 20))
    let marked = try await git.blobs(files.all.map(\.blob), into: marks) { marks, index, part in
      marks.take(index, part)
    }
    let left = files.left(marked)
    guard left.isEmpty else {
      throw .refused(
        message: "conflicts are left in \(MergedFiles.listed(left))",
        hint: "Retry, or resolve them by hand.")
    }
  }

  /// Checks that the task's file is as in the base, if the workflow requires that. If the branch
  /// was rewritten onto another base, both are allowed.
  /// - Returns: its path, which does not count as a change.
  private func checkRestored() async throws(HandInRefusal) -> [UInt8]? {
    guard let restored = handIn.restored, restored.base.isWhole else { return nil }
    let base = restored.base.rawValue
    let isOther = try await git.failure(
      ["merge-base", "--is-ancestor", base, handIn.parent.rawValue], pack: nil)
    guard isOther == nil else { return nil }
    let wanted = try await entry(restored.path, in: restored.base)
    guard try await entry(restored.path, in: handIn.commit) == wanted else {
      throw .malformed("\(restored.path) is not as \(restored.base) has it")
    }
    return Array(restored.path.utf8)
  }

  /// The output of `ls-tree` for a path; empty if the path does not exist.
  private func entry(
    _ path: String, in commit: ObjectID
  ) async throws(HandInRefusal) -> [UInt8] {
    try await git.run(["--literal-pathspecs", "ls-tree", "-z", commit.rawValue, "--", path])
  }

  private var ends: [String] { [handIn.start.rawValue, handIn.commit.rawValue] }

  /// The changes, up to the first one over the limit.
  private func changes(atMost changesMax: Int) async throws(HandInRefusal) -> ChangeList {
    try await git.fold(
      ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev"] + ends,
      into: ChangeList(changesMax: changesMax)
    ) { $0.take($1) }
  }

  private func changes() async throws(HandInRefusal) -> [Change] {
    let filesMax = handIn.filesMax
    let list = try await changes(atMost: filesMax)
    if list.hasLongPath {
      throw .refused(
        message: "the change holds a path of more than \(ChangeList.pathBytesMax) bytes",
        hint: "No file system could hold it: have the agent use shorter names.")
    }
    if list.changes.count > filesMax {
      throw .refused(
        message: "the change holds more than \(filesMax) files",
        hint: "Have the agent leave generated and downloaded files out, by .gitignore for example.")
    }
    return list.changes
  }

  private func checkPaths(_ changes: [Change]) throws(HandInRefusal) {
    // A merge is a change, even if its agent had nothing to resolve.
    if changes.isEmpty, handIn.merge == nil {
      throw .refused(message: "the commit changes nothing", hint: nil)
    }
    let links = changes.filter { $0.mode == Change.gitlink }
    if !links.isEmpty {
      throw .refused(
        message: "the change holds submodules: \(links.listed)",
        hint: "A repository was made or cloned inside the working tree: have the agent remove it.")
    }
    let rules = PathRules(handIn.refusedPaths)
    let refused = changes.filter { change in
      rules.contain(change.path)
        || change.mode == Change.symbolicLink && rules.areBelow(change.path)
    }
    if !refused.isEmpty {
      throw .refused(
        message: "the change touches what it may not: \(refused.listed)",
        hint: "The workflow names these paths in refused-paths; take them out there if such "
          + "changes are wanted.")
    }
  }

  private func checkSizes(_ changes: [Change]) async throws(HandInRefusal) {
    let files = changes.filter { !$0.blob.isNone }
    let names = files.map { "\($0.blob)\n" }.joined()
    if names.isEmpty { return }
    let sizes = try await git.run(
      ["cat-file", "--batch-check=%(objectsize)"], input: Array(names.utf8))
    let lines = sizes.split(separator: 10).map { Int(String(decoding: $0, as: UTF8.self)) }
    var sum = 0
    var large: [Change] = []
    for (file, size) in zip(files, lines) {
      guard let size else { throw .malformed("the pack does not hold \(file.blob)") }
      sum += size
      if size > handIn.bytesMax { large.append(file) }
    }
    if !large.isEmpty {
      throw .refused(
        message: "files larger than \(handIn.bytesMax) bytes: \(large.listed)",
        hint: "Have the agent leave them out.")
    }
    if sum > handIn.bytesMax {
      throw .refused(
        message: "the change holds \(sum) bytes, more than \(handIn.bytesMax)",
        hint: "Have the agent leave generated and downloaded files out, or raise limits.change in "
          + "the workflow.")
    }
  }

  /// Arguments of git that leave a path out; nil for none.
  private func besides(_ path: String?) -> [String] {
    path.map { ["--", ".", ":(exclude,top,literal)\($0)"] } ?? []
  }

  /// - Parameter restored: a file that is as in the base and does not count.
  private func figures(besides restored: String?) async throws(HandInRefusal) -> HandInFigures {
    try await git.fold(
      ["diff-tree", "-r", "-z", "--numstat", "--no-renames"] + ends + besides(restored),
      into: (rest: [UInt8](), figures: HandInFigures(filesChanged: 0, insertions: 0, deletions: 0))
    ) { state, piece in
      var records = (state.rest + piece).split(separator: 0, omittingEmptySubsequences: false)
      state.rest = Array(records.removeLast())
      for record in records {
        // "ADDED TAB DELETED TAB PATH", with "-" for both if the file is binary
        let words = record.split(separator: UInt8(ascii: "\t"), maxSplits: 2)
        guard words.count == 3 else { continue }
        state.figures.filesChanged += 1
        state.figures.insertions += Int(String(decoding: words[0], as: UTF8.self)) ?? 0
        state.figures.deletions += Int(String(decoding: words[1], as: UTF8.self)) ?? 0
      }
      return true
    }.figures
  }
}

/// A path that a commit adds, changes or removes.
struct Change: Sendable {
  /// Modes of a tree's entries.
  static let gitlink = "160000"
  static let symbolicLink = "120000"

  let mode: String
  /// The blob before; `isNone` if there was no file.
  let before: String
  let blob: String
  let path: [UInt8]
}

extension [Change] {
  private static var shownMax: Int { 10 }

  /// Their paths, for a message.
  var listed: String {
    let first = prefix(Self.shownMax).map { FlaggedPaths.shown($0.path) }.joined(separator: ", ")
    let rest = count - Self.shownMax
    return rest > 0 ? "\(first) and \(rest) more" : first
  }
}

/// Parses the output of `diff-tree -z --raw`: `:MODE MODE SHA SHA STATUS`, NUL, PATH, NUL.
private struct ChangeList: Sendable {
  /// The limit of Linux.
  static let pathBytesMax = 4096

  let changesMax: Int
  private(set) var changes: [Change] = []
  private(set) var hasLongPath = false
  private var rest: [UInt8] = []
  private var facts: [String]?

  init(changesMax: Int) { self.changesMax = changesMax }

  /// - Returns: false if no more is needed.
  mutating func take(_ piece: [UInt8]) -> Bool {
    var words = (rest + piece).split(separator: 0, omittingEmptySubsequences: false)
    rest = Array(words.removeLast())
    for word in words + (rest.count > Self.pathBytesMax ? [rest[...]] : []) {
      guard let known = facts else {
        facts = String(decoding: word, as: UTF8.self).split(separator: " ").map(String.init)
        continue
      }
      facts = nil
      if word.count > Self.pathBytesMax { hasLongPath = true }
      if known.count == 5 {
        // A submodule's commit is in another repository.
        let before = known[0] == ":\(Change.gitlink)" ? "0" : known[2]
        changes.append(
          Change(mode: known[1], before: before, blob: known[3], path: Array(word)))
      }
      if hasLongPath || changes.count > changesMax { return false }
    }
    return true
  }
}

extension String {
  /// Whether it is git's null SHA.
  var isNone: Bool { utf8.allSatisfy { $0 == UInt8(ascii: "0") } }
}

extension ObjectID {
  /// Whether it is a complete SHA in hex, which git cannot take for anything else.
  var isWhole: Bool {
    (rawValue.utf8.count == 40 || rawValue.utf8.count == 64)
      && rawValue.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}
