import FoundationEssentials
import Testing

@testable import Processes

@Suite("Tags by name") struct TagListTests {
  private static let object = String(repeating: "1", count: 40)
  private static let target = String(repeating: "2", count: 40)

  private func names(_ listing: [UInt8]) -> [[UInt8]] { TagList(listing: listing).tags.map(\.name) }

  private func line(_ name: [UInt8], _ object: String = object) -> [UInt8] {
    Array("\(object)\trefs/tags/".utf8) + name + [10]
  }

  @Test("what is read is what is written, in the order of bytes")
  func roundTrip() {
    let odd: [UInt8] = [0xff, 0xe9]
    let listing =
      line(Array("v2".utf8)) + line(Array("v2^{}".utf8), Self.target) + line(odd)
      + line(Array("a/b".utf8))
    let list = TagList(listing: listing)
    #expect(list.tags.map(\.name) == [Array("a/b".utf8), Array("v2".utf8), odd])
    #expect(list.tags.map(\.target) == [nil, Self.target, nil])
    #expect(TagList(listing: list.listing) == list)
    #expect(TagList(listing: []).listing.isEmpty)
    // A list that breaks off, and one without its last line feed.
    #expect(TagList(listing: listing.dropLast()).tags.count == 3)
    #expect(TagList(listing: Array(listing.prefix(60))).tags.count <= 1)
  }

  @Test(
    "a name that no repository may hold is passed over",
    arguments: [
      "", "/", "/a", "a/", "a//b", ".", ".a", "a/.b", "..", "a..b", "../../config", "a.lock",
      "a.lock/b", "a.", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "-x",
      "--upload",
      "a\u{7f}", "a\u{1b}[31m", "a\tb", "a\rb", "x^{}",
    ])
  func hostile(name: String) {
    #expect(names(line(Array(name.utf8)) + line(Array("good".utf8))) == [Array("good".utf8)])
  }

  @Test("invalid lines are ignored, and names are unique")
  func odd() {
    let listing =
      Array("\(Self.object)\trefs/heads/main\nx\n\n\(Self.object) refs/tags/a\n".utf8)
      + line(Array("a".utf8)) + line(Array("a".utf8), Self.target)
      + Array("\(Self.object.dropLast())G\trefs/tags/b\n".utf8)
      + line([UInt8](repeating: 0x61, count: 1001))
    #expect(names(listing) == [Array("a".utf8)])
    // A target after another name is ignored.
    let apart = line(Array("a".utf8)) + line(Array("b^{}".utf8), Self.target)
    #expect(TagList(listing: apart).tags.map(\.target) == [nil])
  }

  @Test("git reads the names unchanged, and accepts the file as sorted")
  func packed() async throws {
    let root = FileManager.default.temporaryDirectory.path + "/aipm-tags-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    try await Git.run(["init", "-q", "--bare", root])
    let tree = try await Git.run(["mktree"], gitDirectory: root).trimmedOutput
    let identity = [
      "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
      "GIT_COMMITTER_EMAIL": "a@b",
    ]
    let commit = try await Git.run(
      ["commit-tree", "-m", "x", tree], gitDirectory: root, extraEnvironment: identity
    ).trimmedOutput
    let tags = [
      [0xc3, 0xa9], [0xff], Array("v/1".utf8), Array("v".utf8) + [0x30], Array("Z".utf8),
    ]
    .map { TagList.Tag(object: commit, target: nil, name: $0) }
    let head = "# pack-refs with: peeled fully-peeled sorted \n"
    try Data(Array(head.utf8) + TagList(tags).packedReferences)
      .write(to: URL(filePath: "\(root)/packed-refs"))
    let listed = try await Git.run(
      ["for-each-ref", "--format=%(refname)"], gitDirectory: root
    ).standardOutput.split(separator: 10).map { Array($0.dropFirst("refs/tags/".utf8.count)) }
    #expect(listed == TagList(tags).tags.map(\.name) && listed.count == 5)
    for tag in tags where tag.name.allSatisfy({ $0 < 0x80 }) {
      let name = "refs/tags/\(String(decoding: tag.name, as: UTF8.self))"
      let found = try await Git.run(["rev-parse", name], gitDirectory: root)
      #expect(found.trimmedOutput == commit)
    }
    let missing = String(repeating: "0", count: 40)
    let found = try await TagList.resolve([commit, missing, "\(commit)^{}"], in: root)
    #expect(found == [commit, nil, commit])
  }
}
