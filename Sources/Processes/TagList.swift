// The tags of a repository, as listed by `git ls-remote --tags`. Names are bytes and are validated,
// because the repository's owner chose them.

import FoundationEssentials

/// Tags by name.
package struct TagList: Equatable, Sendable {
  /// One tag.
  package struct Tag: Equatable, Sendable {
    /// The ref's target in hex: a tag object, or the tagged object itself.
    package var object: String
    /// The object to which the tag object peels, in hex; nil if there is no tag object.
    package var target: String?
    /// The name after `refs/tags/`. Not necessarily UTF-8.
    package var name: [UInt8]

    package init(object: String, target: String?, name: [UInt8]) {
      self.object = object
      self.target = target
      self.name = name
    }
  }

  /// Sorted by the bytes of their names; names are unique.
  package private(set) var tags: [Tag]

  /// The maximum size of a list, in bytes.
  package static let bytesMax = 32 << 20
  /// Longer than a file's name may be, because names can contain folders.
  private static let nameBytesMax = 1000

  private static let prefix = Array("refs/tags/".utf8)
  private static let peeled = Array("^{}".utf8)

  package init(_ tags: [Tag] = []) {
    self.tags = tags.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  /// Reads `OBJECT TAB refs/tags/NAME LF …`, with a line for `NAME^{}` after each tag object.
  /// Invalid lines are ignored.
  package init(listing bytes: [UInt8]) {
    var tags: [Tag] = []
    for line in bytes.split(separator: 0x0a) {
      guard line.count > 41 + Self.prefix.count, line[line.startIndex + 40] == 9,
        Git.isObjectName(line.prefix(40)),
        line.dropFirst(41).starts(with: Self.prefix)
      else { continue }
      let object = String(decoding: line.prefix(40), as: UTF8.self)
      let name = line.dropFirst(41 + Self.prefix.count)
      if name.suffix(Self.peeled.count).elementsEqual(Self.peeled) {
        guard let last = tags.indices.last,
          tags[last].name.elementsEqual(name.dropLast(Self.peeled.count))
        else { continue }
        tags[last].target = object
      } else if Self.isValid(name) {
        tags.append(Tag(object: object, target: nil, name: Array(name)))
      }
    }
    self.init(tags)
    // A list from git has each name once; others may not.
    var last: [UInt8]?
    self.tags.removeAll { tag in
      defer { last = tag.name }
      return tag.name == last
    }
  }

  /// The text that `init(listing:)` reads.
  package var listing: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(tags.count * 150)
    for tag in tags {
      let name = Self.prefix + tag.name
      bytes += Array(tag.object.utf8) + [9] + name + [10]
      if let target = tag.target { bytes += Array(target.utf8) + [9] + name + Self.peeled + [10] }
    }
    return bytes
  }

  /// The lines of a `packed-refs` file with the traits `peeled fully-peeled sorted`.
  package var packedReferences: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(tags.count * 120)
    for tag in tags {
      bytes += Array(tag.object.utf8) + [UInt8(ascii: " ")] + Self.prefix + tag.name + [10]
      if let target = tag.target { bytes += [UInt8(ascii: "^")] + Array(target.utf8) + [10] }
    }
    return bytes
  }

  /// The tags that satisfy a condition.
  package func filter(_ isWanted: (Tag) -> Bool) -> TagList {
    var list = TagList()
    list.tags = tags.filter(isWanted)
    return list
  }

  /// Whether a name satisfies git-check-ref-format(1) and does not begin with a dash, because a
  /// program that gets the name as an argument would read it as an option.
  static func isValid(_ name: ArraySlice<UInt8>) -> Bool {
    guard !name.isEmpty, name.count <= nameBytesMax, name.first != UInt8(ascii: "-"),
      name.last != UInt8(ascii: ".")
    else { return false }
    let forbidden = Array(" ~^:?*[\\".utf8)
    var previous: UInt8 = 0
    for byte in name {
      guard byte > 0x20, byte != 0x7f, !forbidden.contains(byte) else { return false }
      let isPair = byte == UInt8(ascii: ".") || byte == UInt8(ascii: "{")
      if isPair, previous == (byte == UInt8(ascii: ".") ? byte : UInt8(ascii: "@")) { return false }
      previous = byte
    }
    let parts = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return parts.allSatisfy { part in
      !part.isEmpty && part.first != UInt8(ascii: ".")
        && !part.suffix(5).elementsEqual(".lock".utf8)
    }
  }

}

extension TagList {
  /// The file with a mirror's list; absent if its tags were never fetched.
  package static let fileName = "aipm-tags"

  /// The list of a mirror, as `init(listing:)` reads it; empty if absent.
  package static func listing(ofMirror mirror: String) -> [UInt8] {
    let data = try? Data(contentsOf: URL(filePath: "\(mirror)/\(fileName)"))
    return data.map { [UInt8]($0) } ?? []
  }

  /// The names of objects in a repository.
  /// - Parameter revisions: such as `OBJECT` or `OBJECT^{}`.
  /// - Returns: a name in hex for each; nil if the object is missing.
  package static func resolve(
    _ revisions: [String], in gitDirectory: String
  ) async throws(GitFault) -> [String?] {
    if revisions.isEmpty { return [] }
    var input: [UInt8] = []
    input.reserveCapacity(revisions.count * 45)
    for revision in revisions {
      input += revision.utf8
      input.append(10)
    }
    let result = try await Git.run(
      ["cat-file", "--batch-check=%(objectname)"], gitDirectory: gitDirectory,
      config: [("safe.directory", "*")], input: .bytes(input), timeout: .seconds(120))
    // For a missing revision, git prints the revision and " missing".
    let names = result.standardOutput.split(separator: 0x0a).map { line in
      line.count == 40 ? String(decoding: line, as: UTF8.self) : nil
    }
    guard names.count == revisions.count else {
      throw GitFault(
        operation: "cat-file", exitCode: 0,
        standardError: "\(names.count) lines for \(revisions.count) objects")
    }
    return names
  }
}
