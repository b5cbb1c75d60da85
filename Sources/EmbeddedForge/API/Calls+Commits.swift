// Commits and comparisons.

import HTTPTypes
import Processes
import Text

extension Route {
  static let commits: [Route] = [
    Route(
      .get, "commits", "commits/commits#list-commits", .contents, history: { $0.listCommits }),
    Route(
      .get, "commits/*ref", "commits/commits#get-a-commit", .contents,
      history: { $0.getCommit }),
    Route(
      .get, "compare/*basehead", "commits/commits#compare-two-commits", .contents,
      history: { $0.compare }),
  ]
}

extension RepositoryCall {
  @Sendable func listCommits() async throws -> APIReply {
    guard let revision = repository.revision(call.query["sha"] ?? "") else {
      throw APIError.notFound
    }
    var selection: [String] = []
    for (name, option) in [("since", "--since"), ("until", "--until")] {
      guard let text = call.query[name] else { continue }
      guard let time = ISO8601.seconds(text) else { throw APIError.wrongType(name, "a date-time") }
      selection.append("\(option)=\(time.seconds)")
    }
    if let author = call.query["author"] {
      selection += ["--fixed-strings", "--author=\(author)"]
    }
    var end = ["--end-of-options", revision, "--"]
    if let path = call.query["path"], !path.isEmpty {
      guard TreePath(path) != nil else { throw APIError.notFound }
      end.append(":(literal)\(path)")
    }
    let page = ["--max-count=\(paging.size)", "--skip=\(paging.offset)"]
    let commits = try await repository.git.commits(selection + page + end)
    let counted = try await repository.git.git(["rev-list", "--count"] + selection + end)
    return paged(
      commits.map { repository.objects.commit($0) }, total: Int(counted.trimmedOutput) ?? 0)
  }

  @Sendable func getCommit() async throws -> APIReply {
    let ref = call.parameter("ref")
    guard let commit = try await repository.commit(ref) else {
      throw APIError.unprocessable("No commit found for SHA: \(ref)")
    }
    if call.accepts("sha") {
      return .text(Array(commit.id.hex.utf8), type: "application/vnd.github.sha")
    }
    let base = commit.parents.first ?? BareRepository.emptyTree
    if let reply = try await patchReply(from: base, to: commit.id) {
      return reply
    }
    let files = try await repository.git.changes(from: base, to: commit.id)
    return .json(
      repository.objects.commit(commit).with(repository.objects.changes(files, of: commit.id)))
  }

  /// The reply to a request for a diff; nil for requests of JSON.
  func patchReply(from base: ObjectName, to head: ObjectName) async throws -> APIReply? {
    for kind in ["diff", "patch"] where call.accepts(kind) {
      return .text(
        try await repository.git.patch(from: base, to: head),
        type: "application/vnd.github.\(kind); charset=utf-8")
    }
    return nil
  }

  @Sendable func compare() async throws -> APIReply {
    let text = call.parameter("basehead")
    guard let dots = text.firstRange(of: "...") else { throw APIError.notFound }
    let names = [text[..<dots.lowerBound], text[dots.upperBound...]].map {
      $0.split(separator: ":").last.map(String.init) ?? ""
    }
    guard names.allSatisfy({ !$0.isEmpty }), let base = try await repository.commit(names[0]),
      let head = try await repository.commit(names[1])
    else { throw APIError.notFound }
    let git = repository.git
    guard let common = try await git.mergeBase(base.id, head.id),
      let mergeBase = try await git.commit(common.hex)
    else {
      throw APIError(
        status: .notFound, message: "No common ancestor between \(names[0]) and \(names[1]).")
    }
    if let reply = try await patchReply(from: common, to: head.id) {
      return reply
    }
    return try await comparison(names, base: base, head: head, mergeBase: mergeBase)
  }

  private func comparison(
    _ names: [String], base: Commit, head: Commit, mergeBase: Commit
  ) async throws -> APIReply {
    let git = repository.git
    let counts = try await git.git(
      ["rev-list", "--left-right", "--count", "\(base.id)...\(head.id)"])
    let numbers = counts.trimmedOutput.split(separator: "\t").compactMap { Int($0) }
    let (behind, ahead) = (numbers.first ?? 0, numbers.last ?? 0)
    let status =
      switch (ahead, behind) {
      case (0, 0): "identical"
      case (_, 0): "ahead"
      case (0, _): "behind"
      case (_, _): "diverged"
      }
    // Without paging, GitHub returns the last 250 commits; with paging, one page. Both oldest
    // first.
    let isPaged = call.query["page"] != nil || call.query["per_page"] != nil
    let shown = try await git.commits(
      ["--reverse", "--topo-order", "\(base.id)..\(head.id)"])
    let commits = isPaged ? paging.slice(shown) : shown.suffix(250)
    let files =
      isPaged && paging.page > 1
      ? [] : try await git.changes(from: mergeBase.id, to: head.id)
    let show = repository.objects
    let path = names.map { Percent.encode(path: $0) }.joined(separator: "...")
    let page = repository.urls.page(repository.record, "/compare/\(path)")
    let permalink = repository.urls.page(
      repository.record, "/compare/\(base.id)...\(head.id)")
    return .json([
      "url": .string(show.api("/compare/\(path)")), "html_url": .string(page),
      "permalink_url": .string(permalink), "diff_url": "\(page).diff",
      "patch_url": "\(page).patch", "base_commit": show.commit(base),
      "merge_base_commit": show.commit(mergeBase), "status": .string(status),
      "ahead_by": JSONValue(ahead), "behind_by": JSONValue(behind),
      "total_commits": JSONValue(ahead), "commits": .array(commits.map { show.commit($0) }),
      "files": .array(files.prefix(300).map { show.change($0, at: head.id) }),
    ])
  }
}
