// Where a worker keeps what.
//
//   DATA/lock, journal.json
//   DATA/repos/OWNER/REPO.git          our clone; nothing in it was written by an agent
//   DATA/repos/OWNER/REPO.slot/        the tree of the last attempt, to be reset for the next one
//   DATA/attempts/DELEGATION-N/tree    the agent's working tree, with a repository of its own
//   DATA/attempts/DELEGATION-N/git     the repository in which the change is put together
//   DATA/attempts/DELEGATION-N/…       index, output.log, records.jsonl, pack, patch, prompt.md,
//                                      tmp, home, trash
//   DATA/trash/                        what attempts left, to be removed beside other work
//   DATA/agents/NAME@OWNER@REPO/…      an agent that stays: home, tmp, and its tree for so long as
//                                      it works

import Domain

/// The worker's folder.
struct WorkerFiles: Sendable {
  /// Absolute, without links.
  let root: String

  var lock: String { "\(root)/lock" }
  var journal: String { "\(root)/journal.json" }
  var attempts: String { "\(root)/attempts" }
  var repositories: String { "\(root)/repos" }
  var agents: String { "\(root)/agents" }
  var trash: String { "\(root)/trash" }

  /// nil where the delegation's id cannot be the name of a folder.
  func attempt(_ key: AttemptKey) -> AttemptFiles? {
    guard WorkerFiles.isSafe(key.delegation), key.number >= 0 else { return nil }
    return AttemptFiles(folder: "\(attempts)/\(key)")
  }

  /// nil where the name is none of a repository.
  func repository(_ name: String) -> RepositoryFiles? {
    guard RepositoryName(name)?.isValid == true else { return nil }
    return RepositoryFiles(folder: "\(repositories)/\(name)")
  }

  /// Whether the text is one plain name in a path and in a URL.
  static func isSafe(_ text: String) -> Bool {
    guard let first = text.utf8.first, first != UInt8(ascii: "-"), text != ".", text != "..",
      text.utf8.count <= 200
    else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."):
        true
      case _: false
      }
    }
  }
}

/// The folder of one attempt.
struct AttemptFiles: Sendable {
  let folder: String

  var tree: String { "\(folder)/tree" }
  /// As the checkout left it: what the files were like when the agent got them.
  var index: String { "\(folder)/index" }
  /// Where the change becomes a commit; made after the agent has ended.
  var repository: String { "\(folder)/git" }
  var stagedIndex: String { "\(repository)/index" }
  var trash: String { "\(folder)/trash" }
  var output: String { "\(folder)/output.log" }
  var records: String { "\(folder)/records.jsonl" }
  var pack: String { "\(folder)/pack" }
  var patch: String { "\(folder)/patch" }
  var prompt: String { "\(folder)/prompt.md" }
  var temporary: String { "\(folder)/tmp" }
  /// The agent's HOME: its own, so that nothing that one agent leaves is read by another.
  var home: String { "\(folder)/home" }
}

/// What is kept of one repository.
struct RepositoryFiles: Sendable {
  /// Without the `.git` at its end.
  let folder: String

  var clone: String { "\(folder).git" }
  var slot: String { "\(folder).slot" }
  var slotTree: String { "\(slot)/tree" }
  var slotIndex: String { "\(slot)/index" }
}

extension AttemptFiles {
  func path(of part: OutputPart) -> String {
    switch part {
    case .text: output
    case .records: records
    }
  }
}

/// The folder of an agent that stays.
struct PersistentFiles: Equatable, Sendable {
  let folder: String

  var home: String { "\(folder)/home" }
  var temporary: String { "\(folder)/tmp" }
  var trees: String { "\(folder)/trees" }
  func tree(_ key: AttemptKey) -> String { "\(trees)/\(key)" }
}

extension WorkerFiles {
  /// nil where one of the names cannot be a part of a folder's.
  func persistent(_ agent: String, _ repository: String) -> PersistentFiles? {
    guard WorkerFiles.isSafe(agent), let name = RepositoryName(repository), name.isValid else {
      return nil
    }
    let path = name.description.replacing("/", with: "@")
    return PersistentFiles(folder: "\(agents)/\(agent)@\(path)")
  }
}
