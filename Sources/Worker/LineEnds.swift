// Line ends and Git LFS according to `.gitattributes` of changed files.
//
// A commit contains what `git diff` showed in the agent's tree: line ends are converted if the
// attributes `text`, `eol` and `crlf` (gitattributes(5)) say so. Other attributes are not applied:
// no filter runs, `ident` and `working-tree-encoding` are ignored. Only files that the agent
// changed are processed, so no other file changes, even if git would convert its line ends.
//
// An omitted filter does not go unnoticed: a new file of Git LFS is refused unless it is a pointer,
// because it would be broken in every clone with LFS.

import Processes
import SystemCalls
import WorkerProtocol

/// An entry of the output of `diff-index --raw -z`.
struct StagedChange: Sendable {
  let oldMode: [UInt8]
  let newMode: [UInt8]
  let oldObject: [UInt8]
  let newObject: [UInt8]
  let path: [UInt8]

  var isPlainFile: Bool { newMode.starts(with: "100".utf8) }
  var name: String { String(decoding: path, as: UTF8.self) }
  /// The blobs before and after; nil if absent, as for a submodule.
  var before: String? { Self.blob(oldMode, oldObject) }
  var blob: String? { Self.blob(newMode, newObject) }

  private static func blob(_ mode: [UInt8], _ object: [UInt8]) -> String? {
    mode.elementsEqual("160000".utf8) || object.allSatisfy { $0 == UInt8(ascii: "0") }
      ? nil : String(decoding: object, as: UTF8.self)
  }

  /// :OLDMODE NEWMODE OLD NEW STATUS NUL PATH NUL
  static func read(_ raw: [UInt8]) -> [StagedChange] {
    let fields = raw.split(separator: 0)
    return stride(from: 0, to: fields.count - 1, by: 2).compactMap { index in
      let words = fields[index].dropFirst().split(separator: UInt8(ascii: " ")).map { Array($0) }
      guard words.count == 5 else { return nil }
      return StagedChange(
        oldMode: words[0], newMode: words[1], oldObject: words[2], newObject: words[3],
        path: Array(fields[index + 1]))
    }
  }
}

extension Workspace {
  private static let askedAttributes = ["text", "eol", "crlf", "filter"]
  /// For the conversion of line ends.
  private static let lineEndAttributes = "* -ident -filter !working-tree-encoding\n"

  /// The changes of an index against the head.
  /// - Parameter index: nil for the staged one.
  func stagedChanges(
    _ assignment: Assignment, _ attempt: AttemptFiles, index: String? = nil
  ) async throws -> [StagedChange] {
    try await StagedChange.read(
      staged(
        ["diff-index", "--cached", "--raw", "--no-renames", "--abbrev=40", "-z", assignment.head],
        attempt, environment: ["GIT_INDEX_FILE": index ?? attempt.stagedIndex]
      ).standardOutput)
  }

  /// Replaces the changed files in the staged index by what git would have added.
  /// - Throws: `PickUp` if a file belongs to Git LFS.
  func applyAttributes(
    _ assignment: Assignment, _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws {
    let changes = try await stagedChanges(assignment, attempt).filter(\.isPlainFile)
    guard !changes.isEmpty else { return }
    let attributes = try await attributes(of: changes, attempt, effort)
    try await checkLargeFiles(
      changes.filter { attributes[$0.path]?["filter"] == "lfs" }, attempt)
    let texts = changes.filter { change in
      attributes[change.path].map(Self.turnsLineEnds) ?? false
    }
    if !texts.isEmpty { try await turnLineEnds(of: texts, assignment, attempt, effort) }
  }

  /// Whether git would convert its line ends (convert.c of git, `convert_attrs`).
  private static func turnsLineEnds(_ attributes: [String: String]) -> Bool {
    let asks = ["set", "auto", "input"]
    switch attributes["text"] {
    case "unset": return false
    case .some(let text) where asks.contains(text): return true
    case _: break
    }
    if let eol = attributes["eol"], ["lf", "crlf"].contains(eol) { return true }
    return attributes["crlf"].map(asks.contains) ?? false
  }

  /// From the tree's `.gitattributes`, or the head's if one was removed.
  private func attributes(
    of changes: [StagedChange], _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws -> [[UInt8]: [String: String]] {
    try write([], attempt.attributes)
    let output = try await staged(
      ["check-attr", "-z", "--stdin"] + Self.askedAttributes, attempt, effort,
      input: .bytes(Array(changes.map(\.path).joined(separator: [0])) + [0]),
      environment: ["GIT_INDEX_FILE": attempt.index]
    ).standardOutput
    // PATH NUL ATTRIBUTE NUL VALUE NUL
    let words = output.split(separator: 0, omittingEmptySubsequences: false)
    var attributes: [[UInt8]: [String: String]] = [:]
    for index in stride(from: 0, to: words.count - 2, by: 3) {
      let value = String(decoding: words[index + 2], as: UTF8.self)
      if value == "unspecified" { continue }
      let name = String(decoding: words[index + 1], as: UTF8.self)
      attributes[Array(words[index]), default: [:]][name] = value
    }
    return attributes
  }

  /// Adds these files again to an index of the head, with their attributes, and copies the results.
  /// It cannot be the staged index, because git considers its content: a file that was committed
  /// with CRLF keeps it if `text` is `auto`.
  private func turnLineEnds(
    of texts: [StagedChange], _ assignment: Assignment, _ attempt: AttemptFiles,
    _ effort: GitEffort
  ) async throws {
    try write(Self.lineEndAttributes.utf8, attempt.attributes)
    let index = "\(attempt.repository)/index-turned"
    try await copyIndex(attempt.index, index)
    try await staged(
      ["update-index", "--add", "--replace", "-z", "--stdin"], attempt, effort,
      input: .bytes(Array(texts.map(\.path).joined(separator: [0])) + [0]),
      environment: ["GIT_INDEX_FILE": index])
    try write(Workspace.attributes.utf8, attempt.attributes)
    let turned = try await stagedChanges(assignment, attempt, index: index)
    let found = Dictionary(turned.map { ($0.path, $0) }) { a, _ in a }
    try await replace(
      texts.compactMap { text in
        if let turned = found[text.path] {
          return turned.newObject == text.newObject
            ? nil : IndexEntry(mode: turned.newMode, object: turned.newObject, path: text.path)
        }
        // After the conversion it is the same as at the head.
        return IndexEntry(mode: text.oldMode, object: text.oldObject, path: text.path)
      }, attempt)
  }

  // MARK: Git LFS

  private func checkLargeFiles(
    _ changes: [StagedChange], _ attempt: AttemptFiles
  ) async throws {
    var raw: [String] = []
    for change in changes {
      if try await isPointer(change.newObject, attempt) { continue }
      // An existing raw file is not the agent's change.
      let isNew = change.oldMode.allSatisfy { $0 == UInt8(ascii: "0") }
      if !isNew {
        guard try await isPointer(change.oldObject, attempt) else { continue }
      }
      raw.append(change.name)
    }
    guard !raw.isEmpty else { return }
    let more = raw.count > 5 ? " and \(raw.count - 5) more" : ""
    throw PickUp.refused(
      message: """
        .gitattributes gives these files to Git LFS, and they are no pointers: \
        \(raw.prefix(5).joined(separator: ", "))\(more)
        """,
      hint: "AIPM stores no LFS objects. Have the agent leave the files out and add them with "
        + "git lfs, or take their pattern out of .gitattributes.")
  }

  /// Whether a blob is a pointer of Git LFS
  /// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
  private func isPointer(_ object: [UInt8], _ attempt: AttemptFiles) async throws -> Bool {
    let name = String(decoding: object, as: UTF8.self)
    let size = try await staged(["cat-file", "-s", name], attempt).trimmedOutput
    guard let bytes = Int(size), bytes < LargeFilePointer.bytesMax else { return false }
    return LargeFilePointer.isWhole(
      try await staged(["cat-file", "blob", name], attempt).standardOutput)
  }
}

enum LargeFilePointer {
  /// The specification's limit.
  static let bytesMax = 1024

  /// Whether the bytes are a pointer; an empty file counts as one.
  static func isWhole(_ bytes: [UInt8]) -> Bool {
    if bytes.isEmpty { return true }
    guard bytes.count < bytesMax, bytes.last == UInt8(ascii: "\n") else { return false }
    let lines = bytes.dropLast().split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.first?.elementsEqual("version https://git-lfs.github.com/spec/v1".utf8) == true
    else { return false }
    func value(_ key: String) -> ArraySlice<UInt8>? {
      let mark = Array("\(key) ".utf8)
      return lines.first { $0.starts(with: mark) }?.dropFirst(mark.count)
    }
    let hash = Array("sha256:".utf8)
    guard let oid = value("oid"), oid.starts(with: hash), let size = value("size") else {
      return false
    }
    let digest = oid.dropFirst(hash.count)
    return digest.count == 64
      && digest.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
      && !size.isEmpty && size.allSatisfy { (48...57).contains($0) }
  }
}
