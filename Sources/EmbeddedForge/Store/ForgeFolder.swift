// The forge's folder on disk: ROOT/OWNER/REPO.git, ROOT/forge.db, ROOT/forge.lock.
//
// A repository exists if its folder does. The folder is prepared under ROOT/.incoming, synced, and
// renamed, so it is never incomplete, and a running server needs no notice: it is the only writer
// of forge.db, and adds the row when the repository is first requested.

import FoundationEssentials
import Glibc
import Processes
import SystemCalls

struct ForgeFolder: Sendable {
  /// Absolute.
  let root: String

  /// The settings that are written into a repository's folder when it is created, and its id, as
  /// members of one object.
  private struct InitialSettings: Codable {
    let id: String
    let settings: RepositorySettings

    private enum Key: CodingKey { case id }

    init(_ settings: RepositorySettings) {
      id = UUID().uuidString
      self.settings = settings
    }

    init(from decoder: any Decoder) throws {
      id = try decoder.container(keyedBy: Key.self).decode(String.self, forKey: .id)
      settings = try RepositorySettings(from: decoder)
    }

    func encode(to encoder: any Encoder) throws {
      try settings.encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(id, forKey: .id)
    }
  }

  private static let settingsFile = "aipm-forge.json"

  init(root: String) throws {
    let absolute =
      root.hasPrefix("/") ? root : FileManager.default.currentDirectoryPath + "/" + root
    try FileManager.default.createDirectory(
      atPath: absolute, withIntermediateDirectories: true)
    self.root = URL(filePath: absolute).resolvingSymlinksInPath().path
  }

  /// The repositories in a folder, as `OWNER/REPO`, by name.
  static func repositories(root: String) -> [String] {
    func folders(in path: String) -> [String] {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      return names.filter { !$0.hasPrefix(".") && DurableFile.isFolder("\(path)/\($0)") }.sorted()
    }
    return folders(in: root).flatMap { owner in
      folders(in: "\(root)/\(owner)").filter { $0.hasSuffix(".git") }.map {
        "\(owner)/\($0.dropLast(4))"
      }
    }
  }

  var database: String { "\(root)/forge.db" }
  var incoming: String { "\(root)/.incoming" }
  var hooks: String { "\(root)/.hooks" }

  func git(_ record: RepositoryRecord) -> BareRepository {
    BareRepository(path: path(record.owner, record.name))
  }

  private func path(_ owner: String, _ name: String) -> String { "\(root)/\(owner)/\(name).git" }

  // MARK: Look-up

  /// The repository of this name in any case; nil if absent.
  func repository(owner: String, name: String, store: ForgeStore) async throws
    -> RepositoryRecord?
  {
    guard ForgeName.isOwner(owner), ForgeName.isRepository(name) else { return nil }
    let known = try await store.repository(owner: owner, name: name)
    let (owner, name) = known.map { ($0.owner, $0.name) } ?? located(owner, name) ?? (owner, name)
    guard let initial = initialSettings(owner, name) else { return nil }
    if let known, known.folderID == initial.id { return known }
    return try await store.adopt(
      owner: owner, name: name, folder: initial.id, settings: initial.settings)
  }

  /// All repositories, sorted by name.
  func repositories(store: ForgeStore) async throws -> [RepositoryRecord] {
    var records: [RepositoryRecord] = []
    for (owner, name) in names() {
      if let record = try await repository(owner: owner, name: name, store: store) {
        records.append(record)
      }
    }
    return records.sorted { $0.fullName.lowercased() < $1.fullName.lowercased() }
  }

  private func names() -> [(owner: String, name: String)] {
    entries(root).filter { ForgeName.isOwner($0) }.flatMap { owner in
      entries("\(root)/\(owner)").compactMap { entry in
        guard entry.hasSuffix(".git") else { return nil }
        let name = String(entry.dropLast(4))
        return ForgeName.isRepository(name) ? (owner, name) : nil
      }
    }
  }

  private func located(_ owner: String, _ name: String) -> (String, String)? {
    if initialSettings(owner, name) != nil { return (owner, name) }
    return names().first {
      $0.owner.lowercased() == owner.lowercased() && $0.name.lowercased() == name.lowercased()
        && initialSettings($0.owner, $0.name) != nil
    }
  }

  private func entries(_ path: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  }

  private func initialSettings(_ owner: String, _ name: String) -> InitialSettings? {
    let file = URL(filePath: "\(path(owner, name))/\(Self.settingsFile)")
    guard let data = try? Data(contentsOf: file) else { return nil }
    return try? JSONDecoder().decode(InitialSettings.self, from: data)
  }

  // MARK: Creation

  /// Creates a repository: with one commit, or with the branches, the tags and the default branch
  /// of another repository of this machine.
  /// - Throws: `EmbeddedForgeError`.
  func create(
    _ owner: String, _ name: String, from source: String?, settings: RepositorySettings,
    author: Signature
  ) async throws {
    guard ForgeName.isOwner(owner), ForgeName.isRepository(name) else {
      throw EmbeddedForgeError.badName("\(owner)/\(name)")
    }
    guard located(owner, name) == nil else {
      throw EmbeddedForgeError.existsAlready("\(owner)/\(name)")
    }
    let staging = "\(incoming)/\(getpid())-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: incoming, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: staging) }
    do {
      try await Git.run(["init", "--quiet", "--bare", "--initial-branch=main", staging])
      let git = BareRepository(path: staging)
      if let source {
        try await copy(source, to: git)
      } else {
        try await addFirstCommit(to: git, name: name, by: author)
      }
    } catch let fault as GitFault {
      throw EmbeddedForgeError.git("\(owner)/\(name)", fault)
    }
    let initial = try JSONEncoder().encode(InitialSettings(settings))
    try initial.write(to: URL(filePath: "\(staging)/\(Self.settingsFile)"))
    let parent = "\(root)/\(owner)"
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    do throws(FileFault) {
      // The contents are on disk before the name is.
      try DurableFile.syncTree(staging)
      try moveIncompleteAside(path(owner, name))
    } catch {
      throw EmbeddedForgeError.unusableFolder(root, error.description)
    }
    do {
      try FileManager.default.moveItem(atPath: staging, toPath: path(owner, name))
    } catch {
      // Another process was faster: a rename does not replace a folder that is not empty.
      throw EmbeddedForgeError.existsAlready("\(owner)/\(name)")
    }
    do throws(FileFault) {
      for folder in [parent, root] { try DurableFile.syncFolder(folder) }
    } catch {
      throw EmbeddedForgeError.unusableFolder(root, error.description)
    }
  }

  /// Renames a folder without the settings file, which was never a repository of this forge, to a
  /// name that no repository can have.
  private func moveIncompleteAside(_ path: String) throws(FileFault) {
    var facts = stat()
    guard lstat(path, &facts) == 0 else { return }
    let file = "\(path)/\(Self.settingsFile)"
    guard lstat(file, &facts) != 0, errno == ENOENT else { return }
    try DurableFile.rename(path, to: "\(path).\(UUID().uuidString).incomplete")
  }

  private func addFirstCommit(
    to git: BareRepository, name: String, by author: Signature
  ) async throws {
    let readme = GitObject(.blob, Array("# \(name)\n".utf8))
    let tree = Tree.object([TreeEntry(mode: "100644", name: "README.md", id: readme.id)])
    let commit = Commit.object(
      tree: tree.id, parents: [], author: author, committer: author, message: "Initial commit")
    try await git.write([readme, tree, commit])
    if let main = RefName(branch: "main") { try await git.update(main, to: commit.id, from: nil) }
  }

  private func copy(_ source: String, to git: BareRepository) async throws {
    let path = URL(filePath: source).standardizedFileURL.path
    guard FileManager.default.fileExists(atPath: path) else {
      throw EmbeddedForgeError.noSource(source)
    }
    let shallow = try await Git.run(
      ["-C", path, "rev-parse", "--is-shallow-repository"], config: [("safe.directory", "*")])
    guard shallow.trimmedOutput != "true" else { throw EmbeddedForgeError.shallowSource(source) }
    // The transport drops settings from the environment, so a file declares a repository of another
    // user of this machine as safe.
    let trust = "\(git.path)/trust.config"
    try Data("[safe]\n\tdirectory = *\n".utf8).write(to: URL(filePath: trust))
    defer { try? FileManager.default.removeItem(atPath: trust) }
    func fetch(_ refspecs: String...) async throws(GitFault) {
      try await Git.run(
        [
          "fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--end-of-options", path,
        ] + refspecs, gitDirectory: git.path, extraEnvironment: ["GIT_CONFIG_GLOBAL": trust],
        config: [("protocol.file.allow", "always")], timeout: .seconds(600))
    }
    func branches() async throws -> [String] {
      try await git.refs(below: "refs/heads/").compactMap { RefName($0.name)?.branch }
    }
    try await fetch("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    var found = try await branches()
    if found.isEmpty {
      // The checkout of a commit, as in continuous integration, may have no branch.
      guard (try? await fetch("+HEAD:refs/heads/main")) != nil else {
        throw EmbeddedForgeError.emptySource(source)
      }
      found = ["main"]
    }
    let head = try await Git.run(
      ["-C", path, "symbolic-ref", "--quiet", "--short", "HEAD"],
      config: [("safe.directory", "*")], accepting: [0, 1])
    let current = head.trimmedOutput
    // HEAD may be detached, or name a branch without a commit.
    let main = found.contains("main") ? "main" : found[0]
    let chosen = found.contains(current) ? current : main
    try await git.git(["symbolic-ref", "HEAD", "refs/heads/\(chosen)"])
  }

  // MARK: After a crash

  /// Removes what a killed process left incomplete. The caller must have the lock.
  func clear() {
    for entry in entries(incoming) {
      // A folder of a live process is still in use.
      let maker = entry.split(separator: "-").first.flatMap { Int32($0) } ?? 0
      if maker <= 0 || maker == getpid() || kill(maker, 0) != 0 {
        try? FileManager.default.removeItem(atPath: "\(incoming)/\(entry)")
      }
    }
    for (owner, name) in names() {
      let git = path(owner, name)
      // Locks of killed git processes; no git process of this forge can be alive.
      for file in ["HEAD.lock", "config.lock", "packed-refs.lock"] {
        try? FileManager.default.removeItem(atPath: "\(git)/\(file)")
      }
      let refs = (try? FileManager.default.subpathsOfDirectory(atPath: "\(git)/refs")) ?? []
      for entry in refs where entry.hasSuffix(".lock") {
        try? FileManager.default.removeItem(atPath: "\(git)/refs/\(entry)")
      }
      for entry in entries("\(git)/objects") where entry.hasPrefix("tmp_objdir-") {
        try? FileManager.default.removeItem(atPath: "\(git)/objects/\(entry)")
      }
    }
  }
}
