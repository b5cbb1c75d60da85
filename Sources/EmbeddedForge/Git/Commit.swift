// Commit objects, read and made.

import Processes

/// Who wrote or committed, and when.
struct Signature: Sendable, Equatable {
  var name: String
  var email: String
  /// Seconds since 1970.
  var seconds: Int64
  /// Minutes east of Greenwich.
  var offset: Int = 0

  /// The form in a commit object: `Name <email> SECONDS +ZONE`.
  var encoded: String {
    let sign = offset < 0 ? "-" : "+"
    let minutes = abs(offset)
    return
      "\(Self.cleaned(name)) <\(Self.cleaned(email))> \(seconds) "
      + sign + Self.two(minutes / 60) + Self.two(minutes % 60)
  }

  init(name: String, email: String, seconds: Int64, offset: Int = 0) {
    self.name = name
    self.email = email
    self.seconds = seconds
    self.offset = offset
  }

  init?(encoded text: some StringProtocol) {
    guard let open = text.lastIndex(of: "<"), let close = text.lastIndex(of: ">"), open < close
    else { return nil }
    name = text[..<open].trimmed
    email = String(text[text.index(after: open)..<close])
    let words = text[text.index(after: close)...].split(separator: " ")
    guard let first = words.first, let number = Int64(first) else { return nil }
    seconds = number
    if words.count > 1, let zone = Int(words[1]) { offset = zone / 100 * 60 + zone % 100 }
  }

  /// git drops these where it makes a commit from the environment; here they would end the field.
  private static func cleaned(_ text: String) -> String {
    text.filter { $0 != "<" && $0 != ">" && !$0.isNewline && $0 != "\0" }.trimmed
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// A commit as its object says it.
struct Commit: Sendable, Equatable {
  var id: ObjectID
  var tree: ObjectID
  var parents: [ObjectID]
  var author: Signature
  var committer: Signature
  var message: String

  /// The object; its bytes depend on nothing but what is passed, so equal commits have equal names.
  static func object(
    tree: ObjectID, parents: [ObjectID], author: Signature, committer: Signature, message: String
  ) -> GitObject {
    var text = "tree \(tree)\n"
    for parent in parents { text += "parent \(parent)\n" }
    text += "author \(author.encoded)\ncommitter \(committer.encoded)\n\n"
    return GitObject(.commit, Array((text + message).utf8))
  }

  /// Nil where the object is no commit.
  init?(_ object: GitObject) {
    guard object.kind == .commit else { return nil }
    let text = String(decoding: object.content, as: UTF8.self)
    guard let end = text.firstRange(of: "\n\n") else { return nil }
    var tree: ObjectID?
    var signatures: [Substring: Signature] = [:]
    var parents: [ObjectID] = []
    for line in text[..<end.lowerBound].split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 1)
      guard words.count == 2 else { continue }
      switch words[0] {
      case "tree": tree = ObjectID(words[1])
      case "parent": if let parent = ObjectID(words[1]) { parents.append(parent) }
      case "author", "committer": signatures[words[0]] = Signature(encoded: words[1])
      case _: continue
      }
    }
    guard let tree, let author = signatures["author"], let committer = signatures["committer"]
    else { return nil }
    id = object.id
    self.tree = tree
    self.parents = parents
    self.author = author
    self.committer = committer
    message = String(text[end.upperBound...])
  }

  var subject: String {
    String(message.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)[0])
  }

  /// What follows the first line.
  var body: String {
    let parts = message.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    return parts.count > 1 ? parts[1].trimmed : ""
  }
}

extension BareRepository {
  /// The commit that a name of gitrevisions(7) stands for; nil where there is none.
  func commit(_ name: String) async throws -> Commit? {
    try await object("\(name)^{commit}").flatMap(Commit.init)
  }

  /// The commits of a range, newest first.
  /// - Parameter arguments: as `git rev-list` takes them; user input only after `--end-of-options`.
  func commits(_ arguments: [String]) async throws -> [Commit] {
    let listed = try await git(["rev-list"] + arguments)
    let names = listed.outputText.split(separator: "\n").map(String.init)
    return try await objects(names).compactMap { $0.flatMap(Commit.init) }
  }

  /// How many commits the range holds.
  func count(_ range: String) async throws -> Int {
    let counted = try await git(["rev-list", "--count", "--end-of-options", range])
    return Int(counted.trimmedOutput) ?? 0
  }

  /// The best common ancestor; nil where the histories are unrelated.
  func mergeBase(_ one: ObjectID, _ other: ObjectID) async throws -> ObjectID? {
    let answer = try await git(["merge-base", one.hex, other.hex], accepting: [0, 1])
    return ObjectID(answer.trimmedOutput)
  }

  /// The tree of a merge of two commits, whose blobs and trees are written; nil on a conflict.
  func mergedTree(_ ours: ObjectID, _ theirs: ObjectID) async throws -> ObjectID? {
    let answer = try await git(
      ["merge-tree", "--write-tree", "--no-messages", ours.hex, theirs.hex], accepting: [0, 1])
    guard answer.succeeded else { return nil }
    return ObjectID(answer.trimmedOutput)
  }
}
