// Commit objects: parsing and encoding.

import Processes
import Text

/// The author or committer of a commit, with the time.
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

  /// Removes what git removes when it makes a commit; it would end the field here.
  private static func cleaned(_ text: String) -> String {
    text.filter { $0 != "<" && $0 != ">" && !$0.isNewline && $0 != "\0" }.trimmed
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension Signature {
  /// Parses a line of a commit. Old and foreign tools left out brackets, addresses and dates, so it
  /// accepts malformed lines as far as possible. An impossible time becomes 0.
  init(encoded line: some BidirectionalCollection<UInt8>) {
    let bytes = Array(line)
    let open = bytes.firstIndex(of: UInt8(ascii: "<"))
    let close = bytes.lastIndex(of: UInt8(ascii: ">"))
    var date: [ArraySlice<UInt8>]
    if let close, open.map({ $0 < close }) ?? true {
      date = bytes[(close + 1)...].split(separator: UInt8(ascii: " "))
    } else {
      // Without a closing bracket, the date consists of the numbers at the end.
      date = bytes.split(separator: UInt8(ascii: " ")).suffix(2)
      if date.count == 2, Self.number(date[0]) == nil { date.removeFirst() }
      if date.first.flatMap(Self.number) == nil { date = [] }
    }
    let nameEnd = open ?? date.first?.startIndex ?? bytes.endIndex
    name = String(decoding: bytes[..<nameEnd], as: UTF8.self).trimmed
    if let open {
      let end = close.flatMap { $0 > open ? $0 : nil } ?? date.first?.startIndex ?? bytes.endIndex
      email = String(decoding: bytes[(open + 1)..<end], as: UTF8.self).trimmed
    } else {
      email = ""
    }
    seconds = date.first.flatMap(Self.number).flatMap { $0 < 253_402_300_800 ? $0 : nil } ?? 0
    if date.count > 1, let zone = Int(String(decoding: date[1], as: UTF8.self)),
      (-1400...1400).contains(zone)
    {
      offset = zone / 100 * 60 + zone % 100
    }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      return nil
    }
    return Int64(String(decoding: digits, as: UTF8.self))
  }

}

/// A parsed commit object.
struct Commit: Sendable, Equatable {
  var id: ObjectName
  var tree: ObjectName
  var parents: [ObjectName]
  var author: Signature
  var committer: Signature
  var message: String

  /// The object. It depends only on the parameters, so equal commits have equal names.
  static func object(
    tree: ObjectName, parents: [ObjectName], author: Signature, committer: Signature,
    message: String
  ) -> GitObject {
    var text = "tree \(tree)\n"
    for parent in parents { text += "parent \(parent)\n" }
    text += "author \(author.encoded)\ncommitter \(committer.encoded)\n\n"
    return GitObject(.commit, Array((text + message).utf8))
  }

  /// nil if the object is not a commit.
  init?(_ object: GitObject) {
    guard object.kind == .commit else { return nil }
    // Bytes, because in a String, CR LF is one character and not a line end.
    var rest = object.content[...]
    var tree: ObjectName?
    var author: Signature?
    var committer: Signature?
    var parents: [ObjectName] = []
    while !rest.isEmpty, rest.first != UInt8(ascii: "\n") {
      let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
      let line = rest[..<end]
      rest = rest[end...].dropFirst()
      // Continued lines, such as those of a signature, begin with a space.
      guard let space = line.firstIndex(of: UInt8(ascii: " ")) else { continue }
      let value = line[(space + 1)...]
      switch String(decoding: line[..<space], as: UTF8.self) {
      case "tree": tree = tree ?? ObjectName(String(decoding: value, as: UTF8.self))
      case "parent":
        if let parent = ObjectName(String(decoding: value, as: UTF8.self)) {
          parents.append(parent)
        }
      case "author": author = author ?? Signature(encoded: value)
      case "committer": committer = committer ?? Signature(encoded: value)
      case _: continue
      }
    }
    guard let tree else { return nil }
    let nobody = Signature(name: "", email: "", seconds: 0)
    id = object.id
    self.tree = tree
    self.parents = parents
    self.author = author ?? committer ?? nobody
    self.committer = committer ?? author ?? nobody
    message = String(decoding: rest.dropFirst(), as: UTF8.self)
  }

  var subject: String {
    String(
      message.split(maxSplits: 1, omittingEmptySubsequences: false, whereSeparator: \.isNewline)[0])
  }

  /// The message after the first line.
  var body: String {
    let parts = message.split(
      maxSplits: 1, omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    return parts.count > 1 ? parts[1].trimmed : ""
  }
}

extension BareRepository {
  /// The commit of a name of gitrevisions(7); nil if absent.
  func commit(_ name: String) async throws -> Commit? {
    try await object("\(name)^{commit}").flatMap(Commit.init)
  }

  /// The commits of a range, newest first.
  /// - Parameter arguments: of `git rev-list`; user input only after `--end-of-options`.
  func commits(_ arguments: [String]) async throws -> [Commit] {
    let listed = try await git(["rev-list"] + arguments)
    let names = listed.outputText.split(separator: "\n").map(String.init)
    return try await objects(names).compactMap { $0.flatMap(Commit.init) }
  }

  /// The number of commits in a range.
  func count(_ range: String) async throws -> Int {
    let counted = try await git(["rev-list", "--count", "--end-of-options", range])
    return Int(counted.trimmedOutput) ?? 0
  }

  /// The best common ancestor; nil if the histories are unrelated.
  func mergeBase(_ one: ObjectName, _ other: ObjectName) async throws -> ObjectName? {
    let result = try await git(["merge-base", one.hex, other.hex], accepting: [0, 1])
    return ObjectName(result.trimmedOutput)
  }

  /// The tree of a merge of two commits, written with its objects; nil on a conflict.
  func mergedTree(_ ours: ObjectName, _ theirs: ObjectName) async throws -> ObjectName? {
    let result = try await git(
      ["merge-tree", "--write-tree", "--no-messages", ours.hex, theirs.hex], accepting: [0, 1])
    guard result.succeeded else { return nil }
    return ObjectName(result.trimmedOutput)
  }
}
