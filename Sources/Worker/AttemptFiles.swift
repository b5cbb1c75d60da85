// The files of a worker.
//
//   DATA/lock, journal.json DATA/repos/OWNER/REPO.git          the clone, in which no agent writes
//   DATA/repos/OWNER/REPO.slot/        the tree of the last attempt, reset for the next one
//   DATA/attempts/DELEGATION-N/tree    the agent's working tree, with its own repository
//   DATA/attempts/DELEGATION-N/git     the repository for the commit of the change
//   DATA/attempts/DELEGATION-N/…       index, output.log, records.jsonl, pack, patch, prompt.md,
//   tmp, home, trash DATA/trash/                        files of ended attempts, removed in the
//   background DATA/agents/NAME@OWNER@REPO/…      an agent that keeps running: home, tmp, and its
//   tree during an attempt DATA/sessions/DELEGATION@NAME/…      conversations, see SessionStore

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
  var sessions: String { "\(root)/sessions" }

  /// nil if the delegation's id cannot be a folder's name.
  func attempt(_ key: AttemptKey) -> AttemptFiles? {
    guard WorkerFiles.isSafe(key.delegation), key.number >= 0 else { return nil }
    return AttemptFiles(folder: "\(attempts)/\(key)")
  }

  /// nil if it is not a repository's name.
  func repository(_ name: String) -> RepositoryFiles? {
    guard RepositoryName(name)?.isValid == true else { return nil }
    return RepositoryFiles(folder: "\(repositories)/\(name)")
  }

  /// nil if one of the names cannot be part of a folder's name.
  func persistent(_ agent: String, _ repository: String) -> PersistentFiles? {
    guard WorkerFiles.isSafe(agent), let name = RepositoryName(repository), name.isValid else {
      return nil
    }
    let path = name.description.replacing("/", with: "@")
    return PersistentFiles(folder: "\(agents)/\(agent)@\(path)")
  }

  /// The folder in which an agent keeps its conversation on a pull request.
  /// - Parameter first: the pull request's first delegation.
  /// - Returns: nil if one of the names cannot be part of a folder's name.
  func session(_ first: String, _ agent: String) -> AttemptFiles? {
    guard WorkerFiles.isSafe(first), WorkerFiles.isSafe(agent) else { return nil }
    return AttemptFiles(folder: "\(sessions)/\(first)@\(agent)")
  }

  /// Whether the text is a single plain name for paths and URLs.
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
  /// Of the checkout: the state of the files before the agent started.
  var index: String { "\(folder)/index" }
  /// For the commit; created after the agent has ended.
  var repository: String { "\(folder)/git" }
  var stagedIndex: String { "\(repository)/index" }
  var attributes: String { "\(repository)/info/attributes" }
  var trash: String { "\(folder)/trash" }
  var output: String { "\(folder)/output.log" }
  var records: String { "\(folder)/records.jsonl" }
  var pack: String { "\(folder)/pack" }
  var patch: String { "\(folder)/patch" }
  var prompt: String { "\(folder)/prompt.md" }
  var temporary: String { "\(folder)/tmp" }
  /// The agent's own HOME, so that no agent reads files that another one left.
  var home: String { "\(folder)/home" }

  func path(of part: OutputPart) -> String {
    switch part {
    case .text: output
    case .records: records
    }
  }
}

/// The kept files of one repository.
struct RepositoryFiles: Sendable {
  /// Without `.git` at the end.
  let folder: String

  var clone: String { "\(folder).git" }
  var slot: String { "\(folder).slot" }
  var slotTree: String { "\(slot)/tree" }
  var slotIndex: String { "\(slot)/index" }
}

/// The folder of an agent that keeps running.
struct PersistentFiles: Equatable, Sendable {
  let folder: String

  var home: String { "\(folder)/home" }
  var temporary: String { "\(folder)/tmp" }
  var trees: String { "\(folder)/trees" }
  /// - Parameter name: one plain name.
  func tree(_ name: String) -> String { "\(trees)/\(name)" }
}
