// A bare repository on disk. Refs are read from their files without a process; git's plumbing does
// everything else, with as few processes per call as possible.

import FoundationEssentials
import Processes
import SystemCalls
import Text

struct BareRepository: Sendable {
  /// Absolute.
  let path: String

  /// The settings of each git process: objects and refs are on disk before a call returns.
  private static let settings: [(key: String, value: String)] = [
    ("core.fsync", "all"), ("core.fsyncMethod", "fsync"), ("core.filesRefLockTimeout", "5000"),
    ("receive.fsckObjects", "true"), ("diff.renames", "true"), ("merge.conflictStyle", "merge"),
  ]

  /// Shared by all repositories: a few more than there are cores, because some wait for the disk.
  /// The number of calls is not bounded, and calls of disconnected clients continue.
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

  /// The target of a ref; nil if there is no such ref.
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

  /// Whether it has no branch.
  func isEmpty() async throws -> Bool {
    try await git(["for-each-ref", "--count=1", "refs/heads/"]).standardOutput.isEmpty
  }

  enum RefUpdate: Error, Equatable {
    /// The ref has another value than expected.
    case moved
    /// `a` exists and `a/b` is requested, or the other way round.
    case nameTaken
    /// The object does not exist, or is not a commit and the ref is a branch.
    case noObject
  }

  /// Sets a ref if its value is `old`.
  /// - Parameters:
  ///   - new: nil deletes it.
  ///   - old: nil if it must not exist.
  /// - Throws: `RefUpdate` if git refuses, else `GitFault`.
  func update(_ ref: RefName, to new: ObjectName?, from old: ObjectName?) async throws {
    let line = "update \(ref.text)\0\((new ?? .zero).hex)\0\((old ?? .zero).hex)\0"
    do {
      try await git(["update-ref", "--stdin", "-z"], input: .bytes(Array(line.utf8)))
    } catch {
      let message = error.standardError
      if message.contains("but expected") || message.contains("reference already exists")
        || message.contains("unable to resolve reference")
        || message.contains("reference is missing")
      {
        throw RefUpdate.moved
      }
      if message.contains("cannot create") { throw RefUpdate.nameTaken }
      if message.contains("nonexistent object") || message.contains("non-commit object") {
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

  /// Reads objects by git's names (gitrevisions(7)), in one process.
  /// - Returns: in order; nil for a missing object.
  func objects(_ names: [String]) async throws -> [GitObject?] {
    guard !names.isEmpty else { return [] }
    let input = names.map { $0 + "\0" }.joined()
    let result = try await git(
      ["cat-file", "--batch", "-z"], input: .bytes(Array(input.utf8)), outputLimit: 256 << 20)
    return try BatchOutput(result.standardOutput).objects(count: names.count)
  }

  func object(_ name: String) async throws -> GitObject? { try await objects([name])[0] }

  /// Writes objects, which git validates, and waits until they are on disk.
  func write(_ objects: [GitObject]) async throws(GitFault) {
    guard !objects.isEmpty else { return }
    try await git(["unpack-objects", "-q", "--strict"], input: .bytes(Pack.encode(objects)))
  }

  /// Whether `ancestor` is `descendant` or one of its ancestors.
  func isAncestor(_ ancestor: ObjectName, of descendant: ObjectName) async throws -> Bool {
    if ancestor == descendant { return true }
    let result = try await git(
      ["merge-base", "--is-ancestor", ancestor.hex, descendant.hex], accepting: [0, 1])
    return result.succeeded
  }
}

/// The output of `git cat-file --batch`: `NAME SP TYPE SP SIZE LF CONTENT LF`, or `NAME SP missing
/// LF`.
private struct BatchOutput {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func objects(count: Int) throws -> [GitObject?] {
    var objects: [GitObject?] = []
    var position = 0
    while objects.count < count {
      guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
        throw GitFault.malformed("cat-file", "the output is truncated")
      }
      let fields = String(decoding: bytes[position..<end], as: UTF8.self).split(separator: " ")
      position = end + 1
      guard fields.count == 3, let id = ObjectName(fields[0]), let size = Int(fields[2]),
        let kind = GitObject.Kind(rawValue: String(fields[1]))
      else {
        objects.append(nil)
        continue
      }
      guard position + size < bytes.count else {
        throw GitFault.malformed("cat-file", "an object is truncated")
      }
      objects.append(GitObject(kind, Array(bytes[position..<(position + size)]), id: id))
      position += size + 1
    }
    return objects
  }
}

extension GitFault {
  /// git succeeded, and its output is invalid.
  static func malformed(_ operation: String, _ what: String) -> GitFault {
    GitFault(operation: operation, exitCode: 0, standardError: what)
  }
}
