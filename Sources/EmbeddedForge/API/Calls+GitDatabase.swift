// Blobs, trees and commits as objects.

import FoundationEssentials
import HTTPTypes
import Processes
import Text

extension Route {
  static let gitDatabase: [Route] = [
    Route(.post, "git/blobs", "git/blobs#create-a-blob", .contents, history: { $0.createBlob }),
    Route(.get, "git/blobs/:sha", "git/blobs#get-a-blob", .contents, history: { $0.getBlob }),
    Route(.post, "git/trees", "git/trees#create-a-tree", .contents, history: { $0.createTree }),
    Route(.get, "git/trees/*sha", "git/trees#get-a-tree", .contents, history: { $0.getTree }),
    Route(
      .post, "git/commits", "git/commits#create-a-commit", .contents,
      history: { $0.createCommit }),
    Route(
      .get, "git/commits/:sha", "git/commits#get-a-commit-object", .contents,
      history: { $0.getGitCommit }),
  ]
}

extension RepositoryCall {
  @Sendable func createBlob() async throws -> APIReply {
    let content = try call.requiredString("content")
    let blob: GitObject
    switch try call.string("encoding") ?? "utf-8" {
    case "utf-8": blob = GitObject(.blob, Array(content.utf8))
    case "base64": blob = GitObject(.blob, try Self.decoded(content))
    case _:
      throw APIError.validation(.invalid("Blob", "encoding"))
    }
    try await repository.git.write([blob])
    return .created([
      "sha": .string(blob.id.hex),
      "url": .string(repository.objects.api("/git/blobs/\(blob.id)")),
    ])
  }

  @Sendable func getBlob() async throws -> APIReply {
    guard let id = ObjectName(call.parameter("sha")) else {
      throw APIError.unprocessable("The sha parameter must be exactly 40 characters.")
    }
    guard let object = try await repository.git.object(id.hex), object.kind == .blob else {
      throw APIError.notFound
    }
    if call.accepts("raw") { return .text(object.content, type: "application/vnd.github.raw") }
    return .json(repository.objects.blob(object))
  }

  // MARK: Trees

  @Sendable func createTree() async throws -> APIReply {
    guard let items = call.member("tree")?.arrayValue else { throw APIError.notSupplied("tree") }
    let base = try call.objectID("base_tree")
    var edit = TreeEdit()
    var blobs: [GitObject] = []
    var named: [(id: ObjectName, type: String)] = []
    for item in items {
      let (path, mode, type) = try treeItem(item)
      if item.objectValue?["sha"] == .null {
        edit.remove(path)
      } else if let sha = item["sha"].stringValue {
        guard let id = ObjectName(sha) else {
          throw APIError.unprocessable("tree.sha is not valid")
        }
        if type != "commit" { named.append((id, type)) }
        edit.set(path, mode: mode, id: id)
      } else if let content = item["content"].stringValue {
        let blob = GitObject(.blob, Array(content.utf8))
        blobs.append(blob)
        edit.set(path, mode: mode, id: blob.id)
      } else {
        throw APIError.unprocessable("Must supply either tree.sha or tree.content.")
      }
    }
    try await check(named)
    let folders = try await folders(edit.folders, of: base)
    if base != nil, folders[""] == nil {
      throw APIError.unprocessable("base_tree is not a valid tree.")
    }
    let (root, trees) = edit.applied(to: folders)
    try await repository.git.write(blobs + trees)
    return .created(try await shownTree(root, recursive: false))
  }

  private func treeItem(_ item: JSONValue) throws -> (path: TreePath, mode: String, type: String) {
    guard let text = item["path"].stringValue, let path = TreePath(text) else {
      throw APIError.unprocessable("tree.path contains a malformed path component")
    }
    let modes = [
      "100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit",
    ]
    guard let mode = item["mode"].stringValue, let type = modes[mode] else {
      throw APIError.unprocessable("tree.mode \(item["mode"].stringValue ?? "") is not valid")
    }
    return (path, mode == "040000" ? "40000" : mode, type)
  }

  private func check(_ named: [(id: ObjectName, type: String)]) async throws {
    let found = try await repository.git.objects(named.map(\.id.hex))
    for (item, object) in zip(named, found) where object?.kind.rawValue != item.type {
      throw APIError.unprocessable("tree.sha \(item.id) is not a valid \(item.type)")
    }
  }

  /// The entries of folders of a tree; missing folders are left out.
  func folders(_ paths: [String], of root: ObjectName?) async throws -> [String: [TreeEntry]] {
    guard let root else { return [:] }
    let names = paths.map { $0.isEmpty ? "\(root)^{tree}" : "\(root):\($0)" }
    let found = try await repository.git.objects(names)
    var folders: [String: [TreeEntry]] = [:]
    for (path, object) in zip(paths, found) {
      if let object, object.kind == .tree { folders[path] = Tree.entries(of: object) }
    }
    return folders
  }

  @Sendable func getTree() async throws -> APIReply {
    guard let revision = repository.revision(call.parameter("sha")),
      let tree = try await repository.git.object("\(revision)^{tree}")
    else { throw APIError.notFound }
    let recursive = call.query["recursive"] != nil
    return .json(try await shownTree(tree.id, recursive: recursive))
  }

  private func shownTree(_ id: ObjectName, recursive: Bool) async throws -> JSONValue {
    repository.objects.tree(id, try await repository.git.list(id.hex, recursive: recursive))
  }

  // MARK: Commits

  @Sendable func createCommit() async throws -> APIReply {
    let message = try call.requiredString("message")
    guard let tree = try call.objectID("tree") else { throw APIError.notSupplied("tree") }
    let parents = try (try call.strings("parents") ?? []).map { text in
      guard let id = ObjectName(text) else {
        throw APIError.unprocessable("The parents parameter must contain full object names.")
      }
      return id
    }
    let found = try await repository.git.objects([tree.hex] + parents.map(\.hex))
    guard found[0]?.kind == .tree else { throw APIError.unprocessable("Tree SHA does not exist") }
    guard found.dropFirst().allSatisfy({ $0?.kind == .commit }) else {
      throw APIError.unprocessable("Parent SHA does not exist or is not a commit object")
    }
    let (author, committer) = try signatures()
    let object = Commit.object(
      tree: tree, parents: parents, author: author, committer: committer, message: message)
    try await repository.git.write([object])
    guard let commit = Commit(object) else { throw APIError.unprocessable("Invalid commit") }
    return .created(repository.objects.gitCommit(commit))
  }

  /// Author and committer by GitHub's rules: each defaults to the other, and both to the user of
  /// the token.
  func signatures() throws -> (author: Signature, committer: Signature) {
    let author = try call.signature("author")
    let committer = try call.signature("committer")
    return (author ?? committer ?? user, committer ?? author ?? user)
  }

  /// The user of the token as the author of a commit.
  var user: Signature {
    Signature(
      name: call.login, email: "\(call.login)@users.noreply.localhost", seconds: ForgeStore.now)
  }

  @Sendable func getGitCommit() async throws -> APIReply {
    guard let id = ObjectName(call.parameter("sha")),
      let object = try await repository.git.object(id.hex), let commit = Commit(object)
    else { throw APIError.notFound }
    return .json(repository.objects.gitCommit(commit))
  }

  /// Decodes base 64, ignoring line ends and spaces.
  static func decoded(_ text: String) throws(APIError) -> [UInt8] {
    let compact = text.filter { !$0.isWhitespace }
    guard let data = Data(base64Encoded: compact) else {
      throw .unprocessable("content is not valid Base64")
    }
    return Array(data)
  }
}

extension BareRepository {
  /// The entries of a tree, by `git ls-tree`: relative paths, and sizes of blobs.
  func list(_ tree: String, recursive: Bool) async throws -> [(
    path: String, entry: TreeEntry, size: Int?
  )] {
    let listed = try await git(
      ["ls-tree", "-l", "-z"] + (recursive ? ["-r", "-t"] : []) + [tree])
    return listed.standardOutput.split(separator: 0).compactMap { record in
      guard let tab = record.firstIndex(of: UInt8(ascii: "\t")) else { return nil }
      let fields = String(decoding: record[..<tab], as: UTF8.self).split(separator: " ")
      guard fields.count == 4, let id = ObjectName(fields[2]) else { return nil }
      let path = record[(tab + 1)...]
      let name = path.split(separator: UInt8(ascii: "/")).last ?? path
      let entry = TreeEntry(
        mode: TreeEntry.canonicalMode(fields[0].utf8), nameBytes: Array(name), id: id)
      return (String(decoding: path, as: UTF8.self), entry, Int(fields[3]))
    }
  }
}
