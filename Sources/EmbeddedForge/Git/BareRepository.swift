// A bare repository on disk. Refs are read from their files, which takes no process; everything
// else is done by git's plumbing, with as few processes to a call as can be.

import FoundationEssentials
import Processes
import SystemCalls
import Text

struct BareRepository: Sendable {
  /// Absolute.
  let path: String

  /// What each git process gets: objects and refs are on disk before a call is answered.
  private static let settings: [(key: String, value: String)] = [
    ("core.fsync", "all"), ("core.fsyncMethod", "fsync"), ("core.filesRefLockTimeout", "5000"),
    ("receive.fsckObjects", "true"), ("diff.renames", "true"), ("merge.conflictStyle", "merge"),
  ]

  /// Of all repositories together: a few more than there are cores, since some wait for the disk.
  /// Callers may be many, and those that have gone away since are not known as such.
  private static let slots = AsyncSemaphore(16)

  @discardableResult
  func git(
    _ arguments: [String], input: Command.Input = .none, accepting: Set<Int32> = [0],
    outputLimit: Int = 64 << 20
  ) async throws(GitFault) -> ProcessResult {
    try await Self.slots.withPermit { () async throws(GitFault) in
      try await Git.run(
        arguments, gitDirectory: path, config: Self.settings, input: input, accepting: accepting,
        timeout: .seconds(60), outputLimit: outputLimit)
    }
  }

  // MARK: Refs

  /// What the ref points at; nil where there is no such ref.
  func resolve(_ ref: RefName) -> ObjectName? {
    if let text = read("\(path)/\(ref.text)") {
      return ObjectName(text.trimmed)
    }
    return packedRefs()[ref.text]
  }

  /// The branch that HEAD names, whether it exists or not.
  var headBranch: String? {
    guard let text = read("\(path)/HEAD")?.trimmed, text.hasPrefix("ref: ") else { return nil }
    return RefName(String(text.dropFirst(5)))?.branch
  }

  /// All refs below a prefix such as `refs/heads/`, by name.
  func refs(below prefix: String) async throws -> [(name: String, object: ObjectName)] {
    let listed = try await git(["for-each-ref", "--format=%(objectname) %(refname)", prefix])
    return listed.outputText.split(separator: "\n").compactMap { line in
      guard let object = ObjectName(line.prefix(40)) else { return nil }
      return (String(line.dropFirst(41)), object)
    }
  }

  /// True where it has not one branch.
  func isEmpty() async throws -> Bool {
    try await git(["for-each-ref", "--count=1", "refs/heads/"]).standardOutput.isEmpty
  }

  enum RefUpdate: Error, Equatable {
    /// The ref does not stand where it was expected.
    case moved
    /// `a` exists and `a/b` is wanted, or the other way round.
    case nameTaken
    /// There is no such object, or a branch would point at something that is no commit.
    case noObject
  }

  /// Sets a ref if it stands at `old`.
  /// - Parameters:
  ///   - new: nil deletes it.
  ///   - old: nil means that it must not exist.
  /// - Throws: `RefUpdate` where git refuses, else `GitFault`.
  func update(_ ref: RefName, to new: ObjectName?, from old: ObjectName?) async throws {
    let line = "update \(ref.text)\0\((new ?? .zero).hex)\0\((old ?? .zero).hex)\0"
    do {
      try await git(["update-ref", "--stdin", "-z"], input: .bytes(Array(line.utf8)))
    } catch {
      let said = error.standardError
      if said.contains("but expected") || said.contains("reference already exists")
        || said.contains("unable to resolve reference") || said.contains("reference is missing")
      {
        throw RefUpdate.moved
      }
      if said.contains("cannot create") { throw RefUpdate.nameTaken }
      if said.contains("nonexistent object") || said.contains("non-commit object") {
        throw RefUpdate.noObject
      }
      throw error
    }
  }

  private func packedRefs() -> [String: ObjectName] {
    var refs: [String: ObjectName] = [:]
    for line in (read("\(path)/packed-refs") ?? "").split(separator: "\n") {
      guard !line.hasPrefix("#"), !line.hasPrefix("^"), let object = ObjectName(line.prefix(40))
      else { continue }
      refs[String(line.dropFirst(41))] = object
    }
    return refs
  }

  private func read(_ file: String) -> String? {
    (try? Data(contentsOf: URL(filePath: file))).map { String(decoding: $0, as: UTF8.self) }
  }

  // MARK: Objects

  /// Reads objects by git's names for them (gitrevisions(7)), in one process.
  /// - Returns: in order; nil where there is no such object.
  func objects(_ names: [String]) async throws -> [GitObject?] {
    guard !names.isEmpty else { return [] }
    let input = names.map { $0 + "\0" }.joined()
    let answer = try await git(
      ["cat-file", "--batch", "-z"], input: .bytes(Array(input.utf8)), outputLimit: 256 << 20)
    return try BatchAnswer(answer.standardOutput).objects(count: names.count)
  }

  func object(_ name: String) async throws -> GitObject? { try await objects([name])[0] }

  /// Writes objects, checked by git, and waits until they are on disk.
  func write(_ objects: [GitObject]) async throws(GitFault) {
    guard !objects.isEmpty else { return }
    try await git(["unpack-objects", "-q", "--strict"], input: .bytes(Pack.encode(objects)))
  }

  /// Whether `ancestor` is `descendant` or one of its ancestors.
  func isAncestor(_ ancestor: ObjectName, of descendant: ObjectName) async throws -> Bool {
    if ancestor == descendant { return true }
    let answer = try await git(
      ["merge-base", "--is-ancestor", ancestor.hex, descendant.hex], accepting: [0, 1])
    return answer.succeeded
  }
}

/// What `git cat-file --batch` writes: `NAME SP TYPE SP SIZE LF CONTENT LF`, or `NAME SP missing
/// LF`.
private struct BatchAnswer {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func objects(count: Int) throws -> [GitObject?] {
    var objects: [GitObject?] = []
    var position = 0
    while objects.count < count {
      guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
        throw GitFault.malformed("cat-file", "the answer ends early")
      }
      let words = String(decoding: bytes[position..<end], as: UTF8.self).split(separator: " ")
      position = end + 1
      guard words.count == 3, let id = ObjectName(words[0]), let size = Int(words[2]),
        let kind = GitObject.Kind(rawValue: String(words[1]))
      else {
        objects.append(nil)
        continue
      }
      guard position + size < bytes.count else {
        throw GitFault.malformed("cat-file", "an object is cut off")
      }
      objects.append(GitObject(kind, Array(bytes[position..<(position + size)]), id: id))
      position += size + 1
    }
    return objects
  }
}

extension GitFault {
  /// git ended well and said something that cannot be read.
  static func malformed(_ operation: String, _ what: String) -> GitFault {
    GitFault(operation: operation, exitCode: 0, standardError: what)
  }
}
