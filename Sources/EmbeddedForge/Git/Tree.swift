// Tree objects: parsing, and editing by path. Only the folders on the path of an edit are read, in
// one process.

/// One entry of a tree.
struct TreeEntry: Sendable, Equatable {
  /// As git writes it: `100644`, `100755`, `120000`, `40000`, `160000`.
  var mode: String
  /// The name's bytes in any encoding, which a rewritten tree must preserve.
  var nameBytes: [UInt8]
  var id: ObjectName

  /// For people and JSON; invalid UTF-8 is replaced.
  var name: String { String(decoding: nameBytes, as: UTF8.self) }

  var isFolder: Bool { mode == "40000" }

  /// `blob`, `tree` or, for a submodule, `commit`.
  var type: String {
    switch mode {
    case "40000": "tree"
    case "160000": "commit"
    case _: "blob"
    }
  }

  /// Git orders entries by their bytes, folders as if their name ended in `/`.
  fileprivate var sortKey: [UInt8] { isFolder ? nameBytes + "/".utf8 : nameBytes }

  /// Compares bytes: two spellings of one character are different names.
  func isNamed(_ name: String) -> Bool { nameBytes.elementsEqual(name.utf8) }

  /// The mode as git reads it (canon_mode in its sources): old tools wrote `100664` for a file and
  /// `040000` for a folder, which must not be written again.
  static func canonicalMode(_ digits: some Sequence<UInt8>) -> String {
    var bits = 0
    for digit in digits where (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) {
      bits = (bits << 3 | Int(digit - UInt8(ascii: "0"))) & 0o777_777
    }
    switch bits & 0o170_000 {
    case 0o100_000: return bits & 0o100 == 0 ? "100644" : "100755"
    case 0o120_000: return "120000"
    case 0o040_000: return "40000"
    case _: return "160000"
    }
  }
}

extension TreeEntry {
  init(mode: String, name: String, id: ObjectName) {
    self.init(mode: mode, nameBytes: Array(name.utf8), id: id)
  }
}

enum Tree {
  /// The entries of a tree object.
  static func entries(of object: GitObject) -> [TreeEntry] {
    var entries: [TreeEntry] = []
    var rest = object.content[...]
    while let space = rest.firstIndex(of: UInt8(ascii: " ")),
      let zero = rest[space...].firstIndex(of: 0), rest.endIndex - zero > 20
    {
      entries.append(
        TreeEntry(
          mode: TreeEntry.canonicalMode(rest[..<space]),
          nameBytes: Array(rest[(space + 1)..<zero]),
          id: ObjectName(raw: rest[(zero + 1)...(zero + 20)])))
      rest = rest[(zero + 21)...]
    }
    return entries
  }

  static func object(_ entries: [TreeEntry]) -> GitObject {
    var content: [UInt8] = []
    let sorted = entries.sorted { $0.sortKey.lexicographicallyPrecedes($1.sortKey) }
    for entry in sorted {
      content += "\(entry.mode) ".utf8
      content += entry.nameBytes + [0]
      content += entry.id.raw
    }
    return GitObject(.tree, content)
  }
}

/// Changes to a tree by path.
struct TreeEdit: Sendable {
  /// The new entry at a path; nil removes it.
  typealias Target = (mode: String, id: ObjectName)?

  private var edits: [(path: TreePath, target: Target)] = []

  mutating func set(_ path: TreePath, mode: String, id: ObjectName) {
    edits.append((path, (mode, id)))
  }

  mutating func remove(_ path: TreePath) { edits.append((path, nil)) }

  /// The folders to read; the root is an empty text.
  var folders: [String] {
    var seen: Set<String> = [""]
    var folders = [""]
    for folder in edits.flatMap(\.path.folders) where seen.insert(folder).inserted {
      folders.append(folder)
    }
    return folders
  }

  /// - Parameter existing: the entries of each folder that exists, by its path.
  /// - Returns: the name of the new root, and the trees to write. Empty folders are removed.
  func applied(to existing: [String: [TreeEntry]]) -> (root: ObjectName, trees: [GitObject]) {
    var folders = existing
    for (path, target) in edits {
      let parent = path.components.dropLast().joined(separator: "/")
      // A file on the path becomes a folder.
      for folder in path.folders where folders[folder] == nil { folders[folder] = [] }
      folders[parent, default: []].removeAll { $0.isNamed(path.name) }
      if let target {
        folders[parent, default: []].append(
          TreeEntry(mode: target.mode, name: path.name, id: target.id))
      }
    }
    var trees: [GitObject] = []
    let innermostFirst = self.folders.filter { !$0.isEmpty }.sorted {
      $0.utf8.count > $1.utf8.count
    }
    for folder in innermostFirst {
      let components = folder.split(separator: "/")
      let parent = components.dropLast().joined(separator: "/")
      let name = String(components[components.count - 1])
      folders[parent, default: []].removeAll { $0.isNamed(name) }
      guard let entries = folders[folder], !entries.isEmpty else { continue }
      let tree = Tree.object(entries)
      trees.append(tree)
      folders[parent, default: []].append(TreeEntry(mode: "40000", name: name, id: tree.id))
    }
    let root = Tree.object(folders[""] ?? [])
    return (root.id, trees + [root])
  }
}
