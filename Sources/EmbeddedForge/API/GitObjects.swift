// Refs, commits, trees, blobs and files as the API shows them.

import FoundationEssentials

struct GitObjects: Sendable {
  let urls: ForgeURLs
  let repository: RepositoryRecord

  /// GitHub's "Git Reference".
  func ref(_ ref: RefName, _ object: ObjectID, type: String = "commit") -> JSON {
    [
      "ref": .string(ref.text), "node_id": .string(NodeID.of("REF", repository.id, ref.text)),
      "url": .string(api("/git/\(Percent.encode(ref.text))")),
      "object": [
        "sha": .string(object.hex), "type": .string(type),
        "url": .string(api("/git/\(type)s/\(object)")),
      ],
    ]
  }

  /// GitHub's "Git Commit".
  func gitCommit(_ commit: Commit) -> JSON {
    [
      "sha": .string(commit.id.hex), "node_id": node("C", commit.id),
      "url": .string(api("/git/commits/\(commit.id)")), "html_url": .string(page(commit.id)),
      "author": signature(commit.author), "committer": signature(commit.committer),
      "tree": tree(commit.tree), "message": .string(commit.message),
      "parents": parents(commit, below: "/git/commits"), "verification": verification,
    ]
  }

  /// GitHub's "Commit", as it stands in lists.
  func commit(_ commit: Commit) -> JSON {
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

  /// What a commit changed, as it stands in a single commit.
  func changes(_ files: [FileChange], of commit: ObjectID) -> JSON {
    let additions = files.reduce(0) { $0 + $1.additions }
    let deletions = files.reduce(0) { $0 + $1.deletions }
    return [
      "stats": [
        "total": .integer(additions + deletions), "additions": .integer(additions),
        "deletions": .integer(deletions),
      ],
      "files": .array(files.map { change($0, at: commit) }),
    ]
  }

  /// GitHub's "Diff Entry".
  func change(_ file: FileChange, at commit: ObjectID) -> JSON {
    let path = Percent.encode(file.path)
    var entry: JSON = [
      "sha": .string(file.blob.hex), "filename": .string(file.path),
      "status": .string(file.status), "additions": .integer(file.additions),
      "deletions": .integer(file.deletions), "changes": .integer(file.additions + file.deletions),
      "blob_url": .string(urls.page(repository, "/blob/\(commit)/\(path)")),
      "raw_url": .string(urls.page(repository, "/raw/\(commit)/\(path)")),
      "contents_url": .string(api("/contents/\(path)?ref=\(commit)")),
    ]
    if let patch = file.patch { entry = entry.with(["patch": .string(patch)]) }
    if let from = file.previousPath { entry = entry.with(["previous_filename": .string(from)]) }
    return entry
  }

  /// GitHub's "Blob".
  func blob(_ object: GitObject) -> JSON {
    [
      "sha": .string(object.id.hex), "node_id": node("B", object.id),
      "size": .integer(object.content.count), "url": .string(api("/git/blobs/\(object.id)")),
      "content": .string(Self.base64(object.content)), "encoding": "base64",
    ]
  }

  /// GitHub's "Git Tree".
  /// - Parameter entries: paths, entries, and sizes of blobs.
  func tree(_ id: ObjectID, _ entries: [(path: String, entry: TreeEntry, size: Int?)]) -> JSON {
    [
      "sha": .string(id.hex), "url": .string(api("/git/trees/\(id)")), "truncated": false,
      "tree": .array(
        entries.map { path, entry, size in
          let shown: JSON = [
            "path": .string(path),
            "mode": .string(entry.isFolder ? "040000" : entry.mode),
            "type": .string(entry.type), "sha": .string(entry.id.hex),
            "url": .string(api("/git/\(entry.type)s/\(entry.id)")),
          ]
          return size.map { shown.with(["size": .integer($0)]) } ?? shown
        }),
    ]
  }

  /// GitHub's "Content File" or an item of its "Content Directory".
  /// - Parameter content: nil in a folder's list and after a write, which do not show it.
  func content(
    _ path: String, type: String, id: ObjectID, size: Int, content: [UInt8]?, ref: String
  )
    -> JSON
  {
    let encoded = Percent.encode(path)
    let url = api("/contents/\(encoded)?ref=\(Percent.encode(ref))")
    let isFolder = type == "dir"
    let git = api("/git/\(isFolder ? "trees" : "blobs")/\(id)")
    let html = urls.page(
      repository, "/\(isFolder ? "tree" : "blob")/\(Percent.encode(ref))/\(encoded)")
    let download = urls.page(repository, "/raw/\(Percent.encode(ref))/\(encoded)")
    let shown: JSON = [
      "name": .string(path.split(separator: "/").last.map(String.init) ?? path),
      "path": .string(path), "sha": .string(id.hex), "size": .integer(size), "url": .string(url),
      "html_url": .string(html), "git_url": .string(git),
      "download_url": isFolder ? nil : .string(download), "type": .string(type),
      "_links": ["self": .string(url), "git": .string(git), "html": .string(html)],
    ]
    guard let content else { return shown }
    return shown.with(["content": .string(Self.base64(content)), "encoding": "base64"])
  }

  // MARK: Parts

  func signature(_ signature: Signature) -> JSON {
    [
      "name": .string(signature.name), "email": .string(signature.email),
      "date": Moment.json(signature.seconds),
    ]
  }

  func api(_ path: String) -> String { urls.api(repository, path) }

  private func page(_ commit: ObjectID) -> String { urls.page(repository, "/commit/\(commit)") }

  private func node(_ kind: String, _ object: ObjectID) -> JSON {
    .string(NodeID.of(kind, repository.id, object.hex))
  }

  private func tree(_ id: ObjectID) -> JSON {
    ["sha": .string(id.hex), "url": .string(api("/git/trees/\(id)"))]
  }

  private func parents(_ commit: Commit, below path: String) -> JSON {
    .array(
      commit.parents.map { parent in
        [
          "sha": .string(parent.hex), "url": .string(api("\(path)/\(parent)")),
          "html_url": .string(page(parent)),
        ]
      })
  }

  private var verification: JSON {
    [
      "verified": false, "reason": "unsigned", "signature": nil, "payload": nil,
      "verified_at": nil,
    ]
  }

  /// In lines of 60 characters with a line end after each, as GitHub encodes content.
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
