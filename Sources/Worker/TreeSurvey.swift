// Checks the files that an agent left, and prepares them for git.
//
// git blocks for ever on a pipe that it opens as a file, fails at an unreadable folder, and reads
// everything in a `.git`. So pipes, sockets and devices are removed, modes are corrected, and
// repositories within the tree are found before git runs.

import Glibc
import Processes
import SystemCalls

/// The entries of an index, by their paths.
struct IndexListing: Sendable {
  /// The paths of submodules, with their commits.
  let modules: [[UInt8]: [UInt8]]
  private let listed: [UInt8]

  /// - Parameter listed: the output of `git ls-files --stage -z`.
  init(_ listed: [UInt8]) {
    self.listed = listed
    var modules: [[UInt8]: [UInt8]] = [:]
    Self.each(listed) { mode, object, path in
      if mode.elementsEqual("160000".utf8) { modules[Array(path)] = Array(object) }
    }
    self.modules = modules
  }

  /// All paths except submodules.
  var paths: Set<[UInt8]> {
    var paths = Set<[UInt8]>()
    Self.each(listed) { mode, _, path in
      if !mode.elementsEqual("160000".utf8) { paths.insert(Array(path)) }
    }
    return paths
  }

  static func folders(above paths: some Sequence<[UInt8]>) -> Set<[UInt8]> {
    var folders = Set<[UInt8]>()
    for path in paths {
      var path = path[...]
      while let slash = path.lastIndex(of: UInt8(ascii: "/")) {
        path = path[..<slash]
        if !folders.insert(Array(path)).inserted { break }
      }
    }
    return folders
  }

  private static func each(
    _ listed: [UInt8], _ take: (ArraySlice<UInt8>, ArraySlice<UInt8>, ArraySlice<UInt8>) -> Void
  ) {
    // MODE SP OBJECT SP STAGE TAB PATH NUL
    for record in listed.split(separator: 0) {
      guard let tab = record.firstIndex(of: UInt8(ascii: "\t")) else { continue }
      let facts = record[..<tab].split(separator: UInt8(ascii: " "))
      if facts.count == 3 { take(facts[0], facts[1], record[(tab + 1)...]) }
    }
  }
}

/// The findings in a tree.
struct TreeSurvey: Sendable {
  /// Folders with their own repository that are not submodules.
  var repositories: [[UInt8]] = []
  /// Paths that are too long for git.
  var tooLong: [[UInt8]] = []
  /// Submodules that were checked out or changed.
  var modules: [[UInt8]] = []
  var entries = 0
  var ruleBytes = 0

  /// The maximum number of findings of a kind; more are the agent's failure.
  private static let findingsMax = 10_000
  /// The limit of all ignore and attribute files together, because git reads them into memory.
  private static let ruleBytesMax = 32 << 20
  private static let ruleFiles: [[UInt8]] = [
    Array(".gitignore".utf8), Array(".gitattributes".utf8),
  ]
  private static let dotGit = Array(".git".utf8)

  /// - Throws: `PickUp` if the tree cannot be committed; otherwise as `TreeWalk`.
  static func make(
    _ root: TreeRoot, _ index: IndexListing, trash: Trash, stop: StopFlag
  ) throws -> TreeSurvey {
    var survey = TreeSurvey()
    var specials: [[UInt8]] = []
    do {
      try TreeWalk(root: root, stop: stop, trash: trash).run { entry in
        survey.entries += 1
        if entry.name == dotGit {
          // The agent's own repository is ignored.
          if entry.folder.isEmpty { return .leave }
          survey.repositories.append(entry.folder)
          try limit(survey.repositories.count, "git repositories")
          return .leave
        }
        switch entry.kind {
        case .link: return .leave
        case .special:
          specials.append(entry.path)
          try limit(specials.count, "pipes, sockets and devices")
          return .leave
        case .file:
          if ruleFiles.contains(entry.name) {
            survey.ruleBytes += Int(entry.facts.st_size)
            guard survey.ruleBytes <= ruleBytesMax else {
              throw PickUp.unfit(
                "the agent left .gitignore and .gitattributes of over \(ruleBytesMax >> 20) MiB")
            }
          }
          return .enter
        case .folder:
          if index.modules[entry.path] != nil {
            survey.modules.append(entry.path)
            return .leave
          }
          if entry.path.count > TreeWalk.pathBytesMax {
            survey.tooLong.append(entry.path)
            try limit(survey.tooLong.count, "paths that are too long")
            return .leave
          }
          return .enter
        }
      }
    } catch let excess as TreeWalk.Excess {
      throw PickUp.unfit("the agent left \(excess.message)")
    }
    try remove(specials, root, index, trash: trash)
    return survey
  }

  /// A pipe or the like that replaced a tracked file cannot be committed; others are remains of
  /// programs and are removed.
  private static func remove(
    _ specials: [[UInt8]], _ root: TreeRoot, _ index: IndexListing, trash: Trash
  ) throws {
    guard !specials.isEmpty else { return }
    let tracked = index.paths
    for special in specials {
      if tracked.contains(special) || index.modules[special] != nil {
        let name = String(decoding: special, as: UTF8.self)
        throw PickUp.unfit(
          "the agent made a pipe, a socket or a device of \(name), which cannot be committed")
      }
      try root.remove(special, trash: trash)
    }
  }

  private static func limit(_ count: Int, _ what: String) throws(PickUp) {
    guard count > findingsMax else { return }
    throw .unfit("the agent left more than \(findingsMax) \(what)")
  }
}

/// The state of a submodule's folder.
enum ModuleFolder {
  case notCheckedOut
  /// At this commit, in hex.
  case at([UInt8])
  /// Its `.git` is invalid, or leads out of the tree.
  case unclear

  private static let fileBytesMax = 4096
  private static let packedBytesMax = 4 << 20

  /// Determines the commit of a submodule without git.
  init(_ path: [UInt8], in root: TreeRoot) throws(FileFault) {
    let link = path + "/.git".utf8
    guard let facts = try root.facts(link) else {
      self = .notCheckedOut
      return
    }
    var folder: [UInt8]? = link
    if TreeRoot.kind(facts) != .folder {
      let content = try root.read(link, atMost: Self.fileBytesMax) ?? []
      folder = Self.target(content, from: path, in: root)
    }
    guard let folder, let head = try root.read(folder + "/HEAD".utf8, atMost: Self.fileBytesMax)
    else {
      self = .unclear
      return
    }
    let commit = try Self.commit(Self.trimmed(head), folder, root)
    self = commit.map { .at($0) } ?? .unclear
  }

  private static func commit(
    _ head: [UInt8], _ folder: [UInt8], _ root: TreeRoot
  ) throws(FileFault) -> [UInt8]? {
    if Git.isObjectName(head) { return head }
    let mark = Array("ref: refs/".utf8)
    guard head.starts(with: mark), !head.split(separator: slash).contains(where: isDots) else {
      return nil
    }
    let ref = head.dropFirst("ref: ".utf8.count)
    if let loose = try root.read(folder + [slash] + ref, atMost: fileBytesMax) {
      let name = trimmed(loose)
      return Git.isObjectName(name) ? name : nil
    }
    let packed = try root.read(folder + "/packed-refs".utf8, atMost: packedBytesMax) ?? []
    for line in packed.split(separator: UInt8(ascii: "\n")) where line.count > 41 {
      if line.dropFirst(41).elementsEqual(ref) { return Array(line.prefix(40)) }
    }
    return nil
  }

  /// The target of `gitdir: PATH`, relative to the root; nil if it is outside the tree.
  private static func target(
    _ content: [UInt8], from path: [UInt8], in root: TreeRoot
  ) -> [UInt8]? {
    let mark = Array("gitdir: ".utf8)
    guard content.starts(with: mark) else { return nil }
    var target = trimmed(Array(content.dropFirst(mark.count)))
    var parts = path.split(separator: slash)
    if target.first == slash {
      let prefix = Array(root.path.utf8) + [slash]
      guard target.starts(with: prefix) else { return nil }
      target.removeFirst(prefix.count)
      parts = []
    }
    for part in target.split(separator: slash) where !part.elementsEqual([dot]) {
      if part.elementsEqual([dot, dot]) {
        guard parts.popLast() != nil else { return nil }
      } else {
        parts.append(part)
      }
    }
    return Array(parts.joined(separator: [slash]))
  }

  private static let slash = UInt8(ascii: "/")
  private static let dot = UInt8(ascii: ".")

  private static func isDots(_ part: ArraySlice<UInt8>) -> Bool { part.elementsEqual([dot, dot]) }

  private static func trimmed(_ line: [UInt8]) -> [UInt8] {
    Array(line.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
  }
}
