// Refs, commits, trees, blobs and files as JSON.

import FoundationEssentials
import Text

struct GitObjects: Sendable {
  let urls: ForgeURLs
  let repository: RepositoryRecord

  /// GitHub's "Git Reference".
  func ref(_ ref: RefName, _ object: ObjectName, type: String = "commit") -> JSONValue {
    [
      "ref": .string(ref.text), "node_id": .string(NodeID.of("REF", repository.id, ref.text)),
      "url": .string(api("/git/\(Percent.encode(path: ref.text))")),
      "object": [
        "sha": .string(object.hex), "type": .string(type),
        "url": .string(api("/git/\(type)s/\(object)")),
      ],
    ]
  }

  /// GitHub's "Git Commit".
  func gitCommit(_ commit: Commit) -> JSONValue {
    [
      "sha": .string(commit.id.hex), "node_id": node("C", commit.id),
      "url": .string(api("/git/commits/\(commit.id)")), "html_url": .string(page(commit.id)),
      "author": signature(commit.author), "committer": signature(commit.committer),
      "tree": tree(commit.tree), "message": .string(commit.message),
      "parents": parents(commit, below: "/git/commits"), "verification": verification,
    ]
  }

  /// GitHub's "Commit", as in lists.
  func commit(_ commit: Commit) -> JSONValue {
    let url = api("/commits/\(commit.id)")
    return [
      "sha": .string(commit.id.hex), "node_id": node("C", commit.id),
      "commit": [
        "author": signature(commit.author), "committer": signature(commit.committer),
        "message": .string(commit.message), "tree": tree(commit.tree),
        "url": .string(api("/git/commits/\(commit.id)")), "comment_count": 0,
        "verification": verification,
      ],
      "url": .string(url), "html_url": .string(page(commit.id)),
      "comments_url": .string("\(url)/comments"), "author": nil, "committer": nil,
      "parents": parents(commit, below: "/commits"),
    ]
  }

  /// The changes of a single commit.
  func changes(_ files: [FileChange], of commit: ObjectName) -> JSONValue {
    let additions = files.reduce(0) { $0 + $1.additions }
    let deletions = files.reduce(0) { $0 + $1.deletions }
    return [
      "stats": [
        "total": JSONValue(additions + deletions), "additions": JSONValue(additions),
        "deletions": JSONValue(deletions),
      ],
      "files": .array(files.map { change($0, at: commit) }),
    ]
  }

  /// GitHub's "Diff Entry".
  func change(_ file: FileChange, at commit: ObjectName) -> JSONValue {
    let path = Percent.encode(path: file.path)
    var entry: JSONValue = [
      "sha": .string(file.blob.hex), "filename": .string(file.path),
      "status": .string(file.status), "additions": JSONValue(file.additions),
      "deletions": JSONValue(file.deletions), "changes": JSONValue(file.additions + file.deletions),
      "blob_url": .string(urls.page(repository, "/blob/\(commit)/\(path)")),
      "raw_url": .string(urls.page(repository, "/raw/\(commit)/\(path)")),
      "contents_url": .string(api("/contents/\(path)?ref=\(commit)")),
    ]
    if let patch = file.patch { entry = entry.with(["patch": .string(patch)]) }
    if let from = file.previousPath { entry = entry.with(["previous_filename": .string(from)]) }
    return entry
  }

  /// GitHub's "Blob".
  func blob(_ object: GitObject) -> JSONValue {
    [
      "sha": .string(object.id.hex), "node_id": node("B", object.id),
      "size": JSONValue(object.content.count), "url": .string(api("/git/blobs/\(object.id)")),
      "content": .string(Self.base64(object.content)), "encoding": "base64",
    ]
  }

  /// GitHub's "Git Tree".
  /// - Parameter entries: paths, entries, and sizes of blobs.
  func tree(_ id: ObjectName, _ entries: [(path: String, entry: TreeEntry, size: Int?)])
    -> JSONValue
  {
    [
      "sha": .string(id.hex), "url": .string(api("/git/trees/\(id)")), "truncated": false,
      "tree": .array(
        entries.map { path, entry, size in
          let shown: JSONValue = [
            "path": .string(path),
            "mode": .string(entry.isFolder ? "040000" : entry.mode),
            "type": .string(entry.type), "sha": .string(entry.id.hex),
            "url": .string(api("/git/\(entry.type)s/\(entry.id)")),
          ]
          return size.map { shown.with(["size": JSONValue($0)]) } ?? shown
        }),
    ]
  }

  /// GitHub's "Content File" or an item of its "Content Directory".
  /// - Parameter content: nil in a folder's list and after a write, which do not include it.
  func content(
    _ path: String, type: String, id: ObjectName, size: Int, content: [UInt8]?, ref: String
  )
    -> JSONValue
  {
    let encoded = Percent.encode(path: path)
    let url = api("/contents/\(encoded)?ref=\(Percent.encode(path: ref))")
    let isFolder = type == "dir"
    let git = api("/git/\(isFolder ? "trees" : "blobs")/\(id)")
    let html = urls.page(
      repository, "/\(isFolder ? "tree" : "blob")/\(Percent.encode(path: ref))/\(encoded)")
    let download = urls.page(repository, "/raw/\(Percent.encode(path: ref))/\(encoded)")
    let shown: JSONValue = [
      "name": .string(path.split(separator: "/").last.map(String.init) ?? path),
      "path": .string(path), "sha": .string(id.hex), "size": JSONValue(size), "url": .string(url),
      "html_url": .string(html), "git_url": .string(git),
      "download_url": isFolder ? nil : .string(download), "type": .string(type),
      "_links": ["self": .string(url), "git": .string(git), "html": .string(html)],
    ]
    guard let content else { return shown }
    return shown.with(["content": .string(Self.base64(content)), "encoding": "base64"])
  }

  // MARK: Parts

  func signature(_ signature: Signature) -> JSONValue {
    [
      "name": .string(signature.name), "email": .string(signature.email),
      "date": .time(signature.seconds),
    ]
  }

  func api(_ path: String) -> String { urls.api(repository, path) }

  private func page(_ commit: ObjectName) -> String { urls.page(repository, "/commit/\(commit)") }

  private func node(_ kind: String, _ object: ObjectName) -> JSONValue {
    .string(NodeID.of(kind, repository.id, object.hex))
  }

  private func tree(_ id: ObjectName) -> JSONValue {
    ["sha": .string(id.hex), "url": .string(api("/git/trees/\(id)"))]
  }

  private func parents(_ commit: Commit, below path: String) -> JSONValue {
    .array(
      commit.parents.map { parent in
        [
          "sha": .string(parent.hex), "url": .string(api("\(path)/\(parent)")),
          "html_url": .string(page(parent)),
        ]
      })
  }

  private var verification: JSONValue {
    [
      "verified": false, "reason": "unsigned", "signature": nil, "payload": nil,
      "verified_at": nil,
    ]
  }

  /// In lines of 60 characters, each with a line end, as GitHub encodes content.
  static func base64(_ bytes: [UInt8]) -> String {
    var rest = Data(bytes).base64EncodedString()[...]
    var lines = ""
    while !rest.isEmpty {
      lines += rest.prefix(60) + "\n"
      rest = rest.dropFirst(60)
    }
    return lines
  }
}
