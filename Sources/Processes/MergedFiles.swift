import Screening

/// The files of a merge that are as none of its parents has them: those that git or somebody
/// resolved, and those that have a conflict.
package struct MergedFiles: Equatable, Sendable {
  /// A file of the merge.
  package struct File: Equatable, Sendable {
    package var blob: String
    package var path: [UInt8]
  }

  package private(set) var all: [File] = []

  /// The arguments of the git command whose output `init` reads.
  package static func command(_ commit: String) -> [String] {
    [
      "diff-tree", "-c", "-r", "-z", "--raw", "--no-commit-id", "--no-renames", "--no-abbrev",
      commit,
    ]
  }

  /// Reads a combined diff: for two parents `::MODE MODE MODE OID OID OID STATUS NUL PATH NUL`
  /// (git-diff-tree(1), "Diff format for merges").
  package init(_ output: [UInt8]) {
    let fields = output.split(separator: 0)
    for index in stride(from: 0, to: fields.count - 1, by: 2) {
      let words = fields[index].drop { $0 == UInt8(ascii: ":") }.split(separator: 0x20)
      // Half of the words are modes. The file may be gone, or be a submodule.
      guard words.count >= 7, words.count.isMultiple(of: 2) == false else { continue }
      let mode = words[(words.count - 1) / 2 - 1]
      let blob = words[words.count - 2]
      let isFile = mode.starts(with: "100".utf8) || mode.elementsEqual("120000".utf8)
      guard isFile, Git.isObjectName(blob) else { continue }
      all.append(
        File(blob: String(decoding: blob, as: UTF8.self), path: Array(fields[index + 1])))
    }
  }

  /// The files in which a conflict is left.
  /// - Parameter marks: what was found in the blobs of `all`, in that order.
  package func left(_ marks: ConflictMarks) -> [File] {
    all.enumerated().filter { marks.found.contains($0.offset) || marks.isSide($0.element.path) }
      .map(\.element)
  }

  /// Their names, for a message.
  package static func listed(_ files: [File]) -> String {
    let names = files.prefix(10).map { FlaggedPaths.shown($0.path) }.joined(separator: ", ")
    return files.count > 10 ? "\(names) and \(files.count - 10) more" : names
  }
}

/// Searches files for the marks that git's merge leaves at a conflict. The server merges by commit,
/// so each mark names one: it is not mistaken for text of the project.
package struct ConflictMarks: Sendable {
  private let marks: [[UInt8]]
  private let sides: [[UInt8]]
  private let keptMax: Int
  private var kept: [UInt8] = []
  /// The numbers of the files with a mark.
  package private(set) var found: Set<Int> = []

  /// - Parameter commits: the parents of the merge.
  package init(_ commits: [String]) {
    marks = commits.flatMap { commit in
      ["<<<<<<< ", ">>>>>>> ", "||||||| "].map { Array("\($0)\(commit)".utf8) }
    }
    sides = commits.map { Array("~\($0)".utf8) }
    keptMax = (marks.map(\.count).max() ?? 1) - 1
  }

  /// Takes a part of a file.
  /// - Parameter index: the number of the file.
  package mutating func take(_ index: Int, _ part: BlobPart) {
    switch part {
    case .piece(let bytes):
      if found.contains(index) { return }
      let text = kept + bytes
      if marks.contains(where: { text.firstRange(of: $0) != nil }) { found.insert(index) }
      kept = Array(text.suffix(keptMax))
    case .end: kept = []
    }
  }

  /// Whether the name is one that git's merge gives to one side of a conflict of files and folders.
  func isSide(_ path: [UInt8]) -> Bool {
    sides.contains { path.firstRange(of: $0) != nil }
  }
}
