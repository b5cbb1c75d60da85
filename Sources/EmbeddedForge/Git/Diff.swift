// The changes between two trees, by file, with hunks.

import Processes

struct FileChange: Sendable, Equatable {
  /// GitHub's values: `added`, `removed`, `modified`, `renamed`, `copied`, `changed`.
  var status: String
  var path: String
  /// The path before a rename or copy.
  var previousPath: String?
  /// The content after the change; before it for a removed file.
  var blob: ObjectName
  var additions: Int
  var deletions: Int
  /// The hunks, from the first `@@` on; nil for binary content and for a large patch.
  var patch: String?
}

struct DiffStat: Sendable, Equatable {
  var additions = 0
  var deletions = 0
  var files = 0
}

extension BareRepository {
  /// The empty tree, which git knows even if it does not exist.
  static let emptyTree = Tree.object([]).id

  /// The files that differ between two commits or trees.
  func changes(from base: ObjectName, to head: ObjectName) async throws -> [FileChange] {
    async let listed = git(
      ["diff-tree", "-r", "-M", "--raw", "--numstat", "-z", "--no-abbrev", base.hex, head.hex])
    let patches = await patches(from: base, to: head)
    let files = try RawDiff(try await listed.standardOutput).files
    guard let patches, patches.count == files.count else { return files }
    return zip(files, patches).map { file, patch in
      var file = file
      file.patch = patch
      return file
    }
  }

  /// The complete patch, as in `git diff`.
  func patch(from base: ObjectName, to head: ObjectName) async throws -> [UInt8] {
    try await git(["diff-tree", "-r", "-M", "-p", base.hex, head.hex]).standardOutput
  }

  func stat(from base: ObjectName, to head: ObjectName) async throws -> DiffStat {
    try await stat([base.hex, head.hex])
  }

  /// The changes of `head` since its common ancestor with `base`.
  /// - Throws: `GitFault` if absent, or several.
  func statSinceMergeBase(of base: ObjectName, and head: ObjectName) async throws -> DiffStat {
    try await stat(["--merge-base", base.hex, head.hex])
  }

  private func stat(_ range: [String]) async throws -> DiffStat {
    let listed = try await git(
      ["diff-tree", "-r", "-M", "--raw", "--numstat", "-z", "--no-abbrev"] + range)
    return try RawDiff(listed.standardOutput).files.reduce(into: DiffStat()) { stat, file in
      stat.additions += file.additions
      stat.deletions += file.deletions
      stat.files += 1
    }
  }

  /// The hunks of each file, in git's order; nil if the patch is too large.
  private func patches(from base: ObjectName, to head: ObjectName) async -> [String?]? {
    guard
      let whole = try? await git(
        ["diff-tree", "-r", "-M", "-p", base.hex, head.hex], outputLimit: 8 << 20)
    else { return nil }
    var patches: [String?] = []
    var hunks: [ArraySlice<UInt8>]?
    func close() {
      if let lines = hunks {
        let patch = Array(lines.joined(separator: "\n".utf8))
        patches.append(lines.isEmpty ? nil : String(decoding: patch, as: UTF8.self))
      }
    }
    let newline = UInt8(ascii: "\n")
    // Within hunks each line begins with one of ` +-\@`, so this is not content. Lines are split as
    // bytes, because in a String, CR LF is one character.
    for line in whole.standardOutput.split(separator: newline, omittingEmptySubsequences: false) {
      if line.starts(with: "diff --git ".utf8) {
        close()
        hunks = []
      } else if hunks?.isEmpty == false || line.starts(with: "@@".utf8) {
        hunks?.append(line)
      }
    }
    if hunks?.last?.isEmpty == true { hunks?.removeLast() }
    close()
    return patches
  }
}

/// `git diff-tree --raw --numstat -z`: first all raw records, then all numbers, in the same order.
private struct RawDiff {
  let files: [FileChange]

  init(_ bytes: [UInt8]) throws {
    var fields = bytes.split(separator: 0, omittingEmptySubsequences: true).map {
      String(decoding: $0, as: UTF8.self)
    }[...]
    var files: [FileChange] = []
    while let record = fields.first, record.hasPrefix(":") {
      fields.removeFirst()
      let values = record.split(separator: " ")
      guard values.count == 5, let path = fields.popFirst(), let old = ObjectName(values[2]),
        let new = ObjectName(values[3])
      else { throw GitFault.malformed("diff-tree", record) }
      var file = FileChange(
        status: Self.status(values[4]), path: path, blob: new == .zero ? old : new, additions: 0,
        deletions: 0)
      if values[4].hasPrefix("R") || values[4].hasPrefix("C") {
        file.previousPath = path
        file.path = fields.popFirst() ?? path
      }
      files.append(file)
    }
    for index in files.indices {
      guard let record = fields.popFirst() else { break }
      let values = record.split(separator: "\t", omittingEmptySubsequences: false)
      guard values.count == 3 else { throw GitFault.malformed("diff-tree", record) }
      // Binary files have `-` for both.
      files[index].additions = Int(values[0]) ?? 0
      files[index].deletions = Int(values[1]) ?? 0
      // The two names of a renamed file are separate fields.
      if values[2].isEmpty { fields = fields.dropFirst(2) }
    }
    self.files = files
  }

  private static func status(_ letter: Substring) -> String {
    switch letter.prefix(1) {
    case "A": "added"
    case "D": "removed"
    case "R": "renamed"
    case "C": "copied"
    case "T": "changed"
    case _: "modified"
    }
  }
}
