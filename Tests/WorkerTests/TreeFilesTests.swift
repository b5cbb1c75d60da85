import FoundationEssentials
import Glibc
import SystemCalls
import Testing

@testable import Worker

/// Files that an agent has read and written for it, as bytes on a real disk.
@Suite("Files for an agent") struct TreeFilesTests {
  /// A tree below a folder with letters beyond ASCII, and something beside it.
  private struct Place {
    let folder: TemporaryFolder
    let tree: String
    let files: TreeFiles

    init(_ name: String = "données/e\u{301}/日本") throws {
      folder = try TemporaryFolder()
      tree = "\(folder.path)/\(name)"
      try DurableFile.makeFolder(tree)
      files = TreeFiles(root: tree)
      try DurableFile.replace("\(folder.path)/beside", with: Array("secret".utf8))
    }

    func put(_ path: String, _ bytes: [UInt8]) throws {
      let whole = "\(tree)/\(path)"
      let end = whole.lastIndex(of: "/") ?? whole.startIndex
      try DurableFile.makeFolder(String(whole[..<end]))
      try DurableFile.replace(whole, with: bytes)
    }

    func bytes(_ path: String) throws -> [UInt8] {
      try DurableFile.read("\(tree)/\(path)", atMost: 1 << 20)
    }

    func read(_ path: String, line: Int? = nil, limit: Int? = nil) throws -> String {
      try files.read("\(tree)/\(path)", line: line, limit: limit)
    }

    func fault(_ path: String) -> TreeFiles.Fault? {
      do throws(TreeFiles.Fault) {
        _ = try files.read(path, line: nil, limit: nil)
        return nil
      } catch {
        return error
      }
    }
  }

  @Test(
    "paths are right below a folder with letters beyond ASCII",
    arguments: [
      "a", "données/e\u{301}/日本", "👩‍💻", "x\u{301}",
    ])
  func beyondASCII(name: String) throws {
    let place = try Place(name)
    try place.files.write("\(place.tree)/new dir/é.txt", "ä")
    #expect(try place.bytes("new dir/é.txt") == Array("ä".utf8))
    #expect(place.files.relative("\(place.tree)/CLAUDE.md") == "CLAUDE.md")
    // A letter that begins with a mark of the one before is a letter of its own.
    try place.files.write("\(place.tree)/\u{301}x/\u{301}y", "z")
    #expect(try place.bytes("\u{301}x/\u{301}y") == Array("z".utf8))
    // The same letters written in another way are another name.
    #expect(place.files.relative("\(place.folder.path)/donne\u{301}es/x") == nil)
  }

  @Test(
    "a file that is not UTF-8 is refused, and one that is comes back byte for byte",
    arguments: [
      [0x63, 0xe9, 0x0a], [0xff, 0xfe, 0x78, 0x00], [0xed, 0xa0, 0x80], [0xc3], [0x61, 0x80],
    ])
  func notText(bytes: [UInt8]) throws {
    let place = try Place()
    try place.put("x", bytes)
    guard case .unfit(let words)? = place.fault("\(place.tree)/x") else {
      throw TestFault("it was read")
    }
    #expect(words.contains("not UTF-8"))
    // Also where the lines that are asked for are.
    try place.put("y", Array("good\n".utf8) + bytes)
    #expect(throws: TreeFiles.Fault.self) { try place.read("y", line: 1, limit: 1) }
    #expect(try place.bytes("x") == bytes)
  }

  @Test(
    "what was read and is written again is what it was",
    arguments: [
      "", "\n", "a", "a\r\nb\r\n", "\u{feff}x\n", "e\u{301}\r\n\0\u{2028}é", "a\rb\n\n",
    ])
  func unchanged(text: String) throws {
    let place = try Place()
    try place.put("x", Array(text.utf8))
    try place.files.write("\(place.tree)/x", try place.read("x"))
    #expect(try place.bytes("x") == Array(text.utf8))
  }

  @Test("line and limit count lines that end with CRLF too", arguments: ["\n", "\r\n"])
  func lines(end: String) throws {
    let place = try Place()
    try place.put("x", Array("1\(end)2\(end)\(end)4e\u{301}\(end)".utf8))
    func read(_ line: Int?, _ limit: Int?) throws -> [UInt8] {
      Array(try place.read("x", line: line, limit: limit).utf8)
    }
    func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    #expect(try read(1, 1) == bytes("1"))
    #expect(try read(2, 1) == bytes("2"))
    #expect(try read(1, 2) == bytes("1\(end)2"))
    #expect(try read(3, 1) == bytes(""))
    #expect(try read(4, nil) == bytes("4e\u{301}\(end)"))
    #expect(try read(4, 9) == bytes("4e\u{301}\(end)"))
    #expect(try read(nil, 2) == bytes("1\(end)2"))
    #expect(try read(9, 1).isEmpty && read(1, 0).isEmpty)
    #expect(try read(-3, 1) == bytes("1"))
  }

  @Test("a link within the tree is followed, and none that leads out of it")
  func links() throws {
    let place = try Place("tree")
    try place.put("docs/AGENTS.md", Array("words".utf8))
    let root = place.tree
    for (link, target) in [
      ("CLAUDE.md", "docs/AGENTS.md"), ("docs/up", "../docs/./AGENTS.md"), ("folder", "docs"),
      ("whole", "\(root)/docs"), ("chain", "folder/up"), ("out", "../beside"),
      ("far", "/etc/passwd"), ("round", "round"), ("docs/out", "../../beside"), ("gone", "nowhere"),
      ("near", "\(root)-2/x"),
    ] {
      #expect(symlink(target, "\(root)/\(link)") == 0)
    }
    for path in ["CLAUDE.md", "docs/up", "folder/AGENTS.md", "whole/AGENTS.md", "chain"] {
      #expect(try place.read(path) == "words", "\(path)")
    }
    for path in ["out", "far", "docs/out", "folder/out", "near"] {
      #expect(place.fault("\(root)/\(path)") == .outside("\(root)/\(path)"), "\(path)")
    }
    #expect(place.fault("\(root)/gone") == .notFound("\(root)/gone"))
    guard case .unfit? = place.fault("\(root)/round") else { throw TestFault("round") }
    for path in [
      "/etc/passwd", "\(root)/../beside", "\(root)/docs/../../beside", "\(root)2/x", root,
    ] {
      #expect(place.fault(path) == .outside(path), "\(path)")
    }
    try place.files.write("\(root)/CLAUDE.md", "more")
    #expect(try place.bytes("docs/AGENTS.md") == Array("more".utf8))
    #expect(throws: TreeFiles.Fault.self) { try place.files.write("\(root)/out", "no") }
    #expect(try text("\(place.folder.path)/beside") == "secret")
  }

  @Test("only regular files are read and written")
  func special() throws {
    let place = try Place("tree")
    try place.put("d/x", [])
    #expect(mkfifo("\(place.tree)/pipe", 0o600) == 0)
    for path in ["d", "pipe", "d/x/y"] {
      #expect(place.fault("\(place.tree)/\(path)") != nil, "\(path)")
    }
  }
}
