// Files, read and written by path. A write is three short git processes: one reads the trees on the
// path, one writes blob, trees and commit, one moves the branch if it has not moved meanwhile.

import HTTPTypes
import Text

extension Route {
  static let contents: [Route] = [
    Route(
      .get, "contents/*path", "repos/contents#get-repository-content", .contents,
      repository: { $0.getContents }),
    Route(
      .put, "contents/*path", "repos/contents#create-or-update-file-contents", .contents,
      repository: { $0.putContents }),
    Route(
      .delete, "contents/*path", "repos/contents#delete-a-file", .contents,
      repository: { $0.deleteContents }),
  ]
}

extension RepositoryCall {
  @Sendable func getContents() async throws -> APIReply {
    let ref = call.query["ref"] ?? repository.facts.defaultBranch
    let path = call.parameter("path")
    guard path.isEmpty || TreePath(path) != nil else {
      throw APIError.unprocessable("path contains a malformed path component")
    }
    guard let revision = repository.revision(ref),
      let commit = try await repository.git.commit(revision)
    else {
      throw try await repository.git.isEmpty()
        ? APIError(status: .notFound, message: "This repository is empty.")
        : APIError(status: .notFound, message: "No commit found for the ref \(ref)")
    }
    let show = repository.objects
    let found = try await repository.git.object("\(commit.id):\(path)")
    guard let object = found, object.kind == .tree || object.kind == .blob else {
      // The commit of a submodule is usually not in the repository that names it.
      let link = try await submodule(path, of: commit, repository.git)
      guard let link else { throw APIError.notFound }
      return .json(
        show.content(path, type: "submodule", id: link.id, size: 0, content: nil, ref: ref))
    }
    guard object.kind == .tree else {
      if call.accepts("raw") { return .text(object.content, type: "application/vnd.github.raw") }
      return .json(
        show.content(
          path, type: "file", id: object.id, size: object.content.count, content: object.content,
          ref: ref))
    }
    let entries = try await repository.git.list(object.id.hex, recursive: false)
    return .json(
      .array(
        entries.map { name, entry, size in
          let full = path.isEmpty ? name : "\(path)/\(name)"
          let type =
            switch entry.mode {
            case "40000": "dir"
            case "120000": "symlink"
            case "160000": "submodule"
            case _: "file"
            }
          return show.content(
            full, type: type, id: entry.id, size: size ?? 0, content: nil, ref: ref)
        }))
  }

  private func submodule(
    _ path: String, of commit: Commit, _ git: BareRepository
  ) async throws -> TreeEntry? {
    var parts = path.split(separator: "/")
    guard let name = parts.popLast() else { return nil }
    let folder = "\(commit.id):\(parts.joined(separator: "/"))"
    guard try await git.object(folder)?.kind == .tree else { return nil }
    return try await git.list(folder, recursive: false)
      .first { $0.0 == name && $0.1.mode == "160000" }?.1
  }

  @Sendable func putContents() async throws -> APIReply {
    let content = try Self.decoded(try call.requiredString("content"))
    return try await write(GitObject(.blob, content))
  }

  @Sendable func deleteContents() async throws -> APIReply { try await write(nil) }

  /// One commit on a branch that sets or removes one file.
  private func write(_ blob: GitObject?) async throws -> APIReply {
    let message = try call.requiredString("message")
    let expected = try call.objectIDOrPart("sha")
    guard let path = TreePath(call.parameter("path")) else {
      throw APIError.unprocessable("path contains a malformed path component")
    }
    let branch = try call.string("branch") ?? repository.facts.defaultBranch
    guard let ref = RefName(branch: branch.withoutPrefix("refs/heads/")) else {
      throw APIError(status: .notFound, message: "Branch \(branch) not found")
    }
    if let name = ref.branch, repository.isProtected(name) {
      throw APIError.conflict(
        "Could not change file: Changes must be made through a pull request.")
    }
    let head = repository.git.resolve(ref)
    if head == nil, try await !repository.git.isEmpty() || blob == nil {
      throw APIError(status: .notFound, message: "Branch \(branch) not found")
    }
    let (author, committer) = try signatures()
    let state = try await treeState(of: path, at: head)
    try check(state, path: path, expected: expected, removing: blob == nil)
    var edit = TreeEdit()
    if let blob {
      edit.set(path, mode: state.file?.mode ?? "100644", id: blob.id)
    } else {
      edit.remove(path)
    }
    let (root, trees) = edit.applied(to: state.folders)
    let object = Commit.object(
      tree: root, parents: head.map { [$0] } ?? [], author: author, committer: committer,
      message: message)
    try await repository.git.write((blob.map { [$0] } ?? []) + trees + [object])
    do {
      try await move(ref, from: head, to: object.id)
    } catch is BareRepository.RefUpdate {
      let now = repository.git.resolve(ref)?.hex ?? "gone"
      throw APIError.conflict("is at \(now) but expected \(head?.hex ?? "nothing")")
    }
    guard let commit = Commit(object) else { throw APIError.unprocessable("Invalid commit") }
    let shown: JSONValue? = blob.map {
      repository.objects.content(
        path.text, type: "file", id: $0.id, size: $0.content.count, content: nil, ref: branch)
    }
    let isNew = blob != nil && state.file == nil
    return .json(
      ["content": shown ?? nil, "commit": repository.objects.gitCommit(commit)],
      isNew ? .created : .ok)
  }

  /// The current state of a path: its folders and its file.
  private struct TreeState {
    var folders: [String: [TreeEntry]]
    var file: TreeEntry?
    /// A component of the path that is a file instead of a folder, or a folder instead of a file.
    var obstacle: String?
  }

  private func treeState(of path: TreePath, at head: ObjectName?) async throws -> TreeState {
    var edit = TreeEdit()
    edit.remove(path)
    let folders = try await folders(edit.folders, of: head)
    var state = TreeState(folders: folders, file: nil, obstacle: nil)
    for depth in path.components.indices {
      let parent = path.components.prefix(depth).joined(separator: "/")
      let entry = folders[parent]?.first { $0.isNamed(path.components[depth]) }
      let isLast = depth == path.components.count - 1
      if let entry, entry.isFolder == isLast {
        state.obstacle = path.components.prefix(depth + 1).joined(separator: "/")
      }
      if isLast { state.file = entry }
    }
    return state
  }

  private func check(_ state: TreeState, path: TreePath, expected: String?, removing: Bool) throws {
    if let obstacle = state.obstacle {
      throw APIError.unprocessable("\(obstacle) is in the way of \(path.text)")
    }
    guard let file = state.file else {
      if removing { throw APIError.notFound }
      if let expected { throw APIError.conflict("\(path.text) does not match \(expected)") }
      return
    }
    guard let expected else { throw APIError.notSupplied("sha") }
    guard expected == file.id.hex else {
      throw APIError.conflict("\(path.text) does not match \(expected)")
    }
  }
}

extension APICall {
  /// The name of a blob, which is only compared. An empty one counts as absent.
  func objectIDOrPart(_ name: String) throws(APIError) -> String? {
    let text = try string(name) ?? query[name]
    return text.flatMap { $0.isEmpty ? nil : $0.lowercased() }
  }
}

extension String {
  func withoutPrefix(_ prefix: String) -> String {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
  }
}
