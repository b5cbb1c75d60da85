import Domain
import Engine
import Processes

/// Looks at a commit in quarantine: is it the one that the lease speaks of, and does its change
/// keep to the rules? That it is whole `index-pack --strict` has seen.
struct HandInCheck {
  /// The mode of a gitlink in a tree: a submodule.
  private static let gitlink = "160000"
  private static let textMax = 10

  private let handIn: HandIn
  private let mirror: String
  private let environment: [String: String]
  private let mirrors: GitMirrors

  init(_ handIn: HandIn, mirror: String, quarantine: Quarantine, mirrors: GitMirrors) {
    self.handIn = handIn
    self.mirror = mirror
    self.mirrors = mirrors
    environment = quarantine.environment
  }

  func run() async throws(HandInRefusal) -> HandInFigures {
    for name in [handIn.commit, handIn.parent] where !name.isWhole {
      throw .malformed("\(name) is no commit's name")
    }
    try await checkCommit()
    let changes = try await changes()
    try checkPaths(changes)
    try await checkSizes(changes)
    try await checkSecrets()
    return try await figures()
  }

  /// Parent and message are what the lease and the log say.
  private func checkCommit() async throws(HandInRefusal) {
    let found = try await git(["cat-file", "commit", handIn.commit.rawValue], accepting: [0, 128])
    guard found.succeeded else { throw .malformed("the pack does not hold \(handIn.commit)") }
    let bytes = found.standardOutput
    guard let end = bytes.firstRange(of: Array("\n\n".utf8)) else {
      throw .malformed("\(handIn.commit) is not a commit with a message")
    }
    let headers = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
    let parents = headers.split(separator: "\n").filter { $0.hasPrefix("parent ") }
    guard parents == ["parent \(handIn.parent)"] else {
      throw .malformed("\(handIn.commit) does not stand on \(handIn.parent) alone")
    }
    guard Array(bytes[end.upperBound...]) == Array(handIn.message.utf8) else {
      throw .malformed("\(handIn.commit) has another message than the one that was assigned")
    }
  }

  private struct Change {
    let mode: String
    let before: String
    let blob: String
    let path: String
  }

  /// - Parameter search: options of diff-tree that leave some out.
  private func changes(_ search: [String] = []) async throws(HandInRefusal) -> [Change] {
    let diff = try await git(
      ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev"] + search + ends)
    // ":MODE MODE SHA SHA STATUS" NUL PATH NUL
    let words = diff.standardOutput.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    return stride(from: 0, to: words.count - 1, by: 2).compactMap { index in
      let facts = words[index].split(separator: " ").map(String.init)
      return facts.count == 5
        ? Change(mode: facts[1], before: facts[2], blob: facts[3], path: words[index + 1]) : nil
    }
  }

  private var ends: [String] { [handIn.parent.rawValue, handIn.commit.rawValue] }

  private func checkPaths(_ changes: [Change]) throws(HandInRefusal) {
    if changes.isEmpty { throw .refused(message: "the commit changes nothing", hint: nil) }
    if changes.count > handIn.filesMax {
      throw .refused(
        message: "the change holds \(changes.count) files, more than \(handIn.filesMax)",
        hint: "Have the agent leave generated and downloaded files out, by .gitignore for example.")
    }
    let links = changes.filter { $0.mode == Self.gitlink }.map(\.path)
    if !links.isEmpty {
      throw .refused(
        message: "the change holds submodules: \(listed(links))",
        hint: "A repository was made or cloned inside the working tree: have the agent remove it.")
    }
    let refused = changes.map(\.path).filter { path in
      handIn.refusedPaths.contains { Self.covers($0, path) }
    }
    if !refused.isEmpty {
      throw .refused(
        message: "the change touches what it may not: \(listed(refused))",
        hint: "The workflow names these paths; allow them there if they are wanted.")
    }
  }

  /// Whether a path is the one that is named, or in the folder that is named.
  private static func covers(_ named: String, _ path: String) -> Bool {
    let named = named.hasSuffix("/") ? String(named.dropLast()) : named
    return path == named || path.hasPrefix(named + "/")
  }

  private func checkSizes(_ changes: [Change]) async throws(HandInRefusal) {
    let files = changes.filter { !$0.blob.isNone }
    let names = files.map { "\($0.blob)\n" }.joined()
    let sizes = try await git(
      ["cat-file", "--batch-check=%(objectsize)"], input: .bytes(Array(names.utf8)))
    let lines = sizes.outputText.split(separator: "\n").map { Int($0) }
    guard lines.count == files.count else { throw .unavailable("git cat-file said too little") }
    let large = zip(files, lines).filter { $0.1.map { $0 > handIn.fileBytesMax } ?? true }
    if !large.isEmpty {
      throw .refused(
        message: "files larger than \(handIn.fileBytesMax) bytes: \(listed(large.map(\.0.path)))",
        hint: "Have the agent leave them out.")
    }
  }

  /// What looks like a credential in a line that the change adds.
  private func checkSecrets() async throws(HandInRefusal) {
    // git searches; only the files in which it found something are read here. Every file is text
    // to it, whatever attributes and zeros in it say; and they are compared by their blobs, for a
    // name may be none that can be written in an argument.
    let found = try await changes(["--text", "-G\(Secrets.pattern)"])
    var holding: [String] = []
    for change in found where !change.blob.isNone && holding.count <= Self.textMax {
      if try await holdsSecret(change) { holding.append(change.path) }
    }
    if !holding.isEmpty {
      throw .refused(
        message: "the change holds what looks like a credential: \(listed(holding))",
        hint: "Take it out and revoke it. One that is made up for a test has to look made up.")
    }
  }

  private func holdsSecret(_ change: Change) async throws(HandInRefusal) -> Bool {
    if change.before.isNone {
      return Secrets.stand(in: try await git(["cat-file", "blob", change.blob]).outputText)
    }
    let patch = try await git(
      ["diff", "--text", "-U0", "--no-color", "--no-ext-diff", "--no-textconv"]
        + [change.before, change.blob])
    return Secrets.areAdded(by: patch.outputText)
  }

  private func figures() async throws(HandInRefusal) -> HandInFigures {
    let stat = try await git(["diff-tree", "-r", "-z", "--numstat", "--no-renames"] + ends)
    var figures = HandInFigures(filesChanged: 0, insertions: 0, deletions: 0)
    for record in stat.standardOutput.split(separator: 0) {
      // "ADDED TAB DELETED TAB PATH", with "-" for both where the file is binary
      let words = record.split(separator: UInt8(ascii: "\t"), maxSplits: 2)
        .map { String(decoding: $0, as: UTF8.self) }
      guard words.count == 3 else { continue }
      figures.filesChanged += 1
      figures.insertions += Int(words[0]) ?? 0
      figures.deletions += Int(words[1]) ?? 0
    }
    return figures
  }

  private func listed(_ paths: [String]) -> String {
    let first = paths.prefix(Self.textMax).joined(separator: ", ")
    let rest = paths.count - Self.textMax
    return rest > 0 ? "\(first) and \(rest) more" : first
  }

  private func git(
    _ arguments: [String], input: Command.Input = .none, accepting: Set<Int32> = [0]
  ) async throws(HandInRefusal) -> ProcessResult {
    try await unavailable { () async throws(MirrorFault) in
      try await mirrors.local(
        arguments, in: mirror, environment: environment, input: input, accepting: accepting)
    }
  }
}

extension String {
  /// Whether it is git's name for what is not there.
  fileprivate var isNone: Bool { allSatisfy { $0 == "0" } }
}

extension ObjectID {
  /// Whether it is a whole name in hex, and so nothing else to git.
  var isWhole: Bool {
    (rawValue.utf8.count == 40 || rawValue.utf8.count == 64)
      && rawValue.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}
