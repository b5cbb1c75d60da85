import Domain
import ForgePort
import FoundationEssentials
import HTTPClient
import Text

// The API's answers, decoded into replies of the port. Field names are those of GitHub's OpenAPI
// description, version 2026-03-10, in camel case.

private struct RepositoryBody: Decodable {
  struct Permissions: Decodable { let push: Bool? }
  struct Owner: Decodable { let login: String }
  let owner: Owner?
  let defaultBranch: String
  let cloneUrl: String
  let archived: Bool?
  let disabled: Bool?
  let permissions: Permissions?
}

/// A repository in a list.
private struct ListedRepositoryBody: Decodable {
  let fullName: String
  let archived: Bool?
  let disabled: Bool?
  let permissions: RepositoryBody.Permissions?

  /// nil if nothing can be pushed to it.
  var usable: RepositoryName? {
    guard archived != true, disabled != true, permissions?.push != false else { return nil }
    return RepositoryName(fullName)
  }
}

/// The list of an app is in an object, that of a token is not.
private enum RepositoryListBody: Decodable {
  case list([ListedRepositoryBody])

  private enum Key: CodingKey { case repositories }

  init(from decoder: any Decoder) throws {
    if let keyed = try? decoder.container(keyedBy: Key.self) {
      self = .list(try keyed.decode([ListedRepositoryBody].self, forKey: .repositories))
    } else {
      self = .list(try [ListedRepositoryBody](from: decoder))
    }
  }
}

private struct IssueBody: Decodable {
  /// Present if the issue is a pull request.
  struct PullRequest: Decodable {}
  let number: Int
  let htmlUrl: String
  let title: String
  let body: String?
  let state: String
  let pullRequest: PullRequest?

  var value: ForgeIssue {
    ForgeIssue(
      number: number, url: htmlUrl, title: title, body: body ?? "", isOpen: state == "open",
      isPullRequest: pullRequest != nil)
  }
}

private struct RefBody: Decodable {
  struct Target: Decodable { let sha: String }
  let object: Target
}

private struct CommitNameBody: Decodable { let sha: String }

private struct PutFileReplyBody: Decodable { let commit: CommitNameBody }

/// A file, or the list of a folder's entries.
private enum ContentsBody: Decodable {
  case file(sha: String)
  case folder

  private struct File: Decodable { let sha: String }

  init(from decoder: any Decoder) throws {
    if (try? decoder.unkeyedContainer()) != nil {
      self = .folder
    } else {
      self = .file(sha: try File(from: decoder).sha)
    }
  }
}

private struct TreeBody: Decodable {
  struct Entry: Decodable {
    let path: String
    let mode: String
    let sha: String

    var value: ForgeTreeEntry {
      let kind: ForgeTreeEntry.Kind =
        switch mode {
        case "040000": .folder
        case "120000": .link
        case "160000": .submodule
        case _: .file
        }
      return ForgeTreeEntry(name: path, kind: kind, sha: ObjectID(sha))
    }
  }
  let tree: [Entry]
}

struct ComparisonBody: Decodable {
  struct Commit: Decodable {
    struct Parent: Decodable { let sha: String }
    struct Message: Decodable { let message: String }
    let sha: String
    let parents: [Parent]
    let commit: Message
  }
  let totalCommits: Int
  let commits: [Commit]
}

private struct PullRequestBody: Decodable {
  struct Side: Decodable {
    let ref: String
    let sha: String
  }
  let number: Int
  let htmlUrl: String
  let state: String
  let body: String?
  let merged: Bool?
  let mergedAt: String?
  let updatedAt: String?
  /// GitHub computes it after a change, and says null meanwhile. Lists do not have it.
  let mergeable: Bool?
  /// `behind`: the base branch requires that the head has its newest commits.
  let mergeableState: String?
  let head: Side
  let base: Side

  var value: ForgePullRequest {
    let isMerged = merged == true || mergedAt != nil
    let isOpen = !isMerged && state == "open"
    return ForgePullRequest(
      number: number, url: htmlUrl, state: isMerged ? .merged : isOpen ? .open : .closed,
      body: body ?? "", headBranch: head.ref, headSHA: ObjectID(head.sha), baseBranch: base.ref,
      updatedAt: updatedAt.flatMap { Timestamp(github: $0) },
      conflicts: isOpen ? mergeable.map { !$0 } : nil,
      isBehind: isOpen && mergeableState == "behind")
  }
}

private struct CommentBody: Decodable {
  let id: Int64
  let body: String?
}

/// The permission is `admin`, `write`, `read` or `none`; roles between them have the lower name.
private struct PermissionBody: Decodable { let permission: String }

private struct LabelBody: Decodable { let name: String }

private struct NumberBody: Decodable { let number: Int }

extension GitHubClient {
  /// Decodes an answer of status 2xx.
  func reply(
    to call: ForgeCall, _ response: HTTPResponse, _ request: RESTRequest
  ) throws(ForgeFault) -> ForgeReply {
    switch call {
    case .repository:
      let body = try decode(RepositoryBody.self, response, request)
      return .repository(
        ForgeRepository(
          defaultBranch: body.defaultBranch, cloneURL: body.cloneUrl,
          archived: body.archived ?? false, disabled: body.disabled ?? false,
          mayPush: body.permissions?.push))
    case .branchHead(_, branch: nil): return .head(try headCommit(response, request))
    case .branchHead, .branch:
      return .head(ObjectID(try decode(RefBody.self, response, request).object.sha))
    case .fileBlob(_, let path, _):
      switch try decode(ContentsBody.self, response, request) {
      case .file(let sha): return .blob(ObjectID(sha))
      case .folder:
        throw ForgeFault(
          kind: .refused, message: "\(path) is a folder",
          hint: "Rename it on the base branch: a file is to stand there.",
          requestID: response.headers[Self.requestIDHeader])
      }
    case .tree:
      let body = try decode(TreeBody.self, response, request)
      return .tree(body.tree.map(\.value))
    case .createBranch:
      // A proxy's page also has status 200.
      _ = try decode(RefBody.self, response, request)
      return .created
    case .putFile:
      let body = try decode(PutFileReplyBody.self, response, request)
      return .committed(ObjectID(body.commit.sha))
    case .compare:
      return .commits(try decode(ComparisonBody.self, response, request).commits.map(\.value))
    case .openPullRequest, .pullRequest:
      return .pullRequest(try decode(PullRequestBody.self, response, request).value)
    case .pullRequests: return .pullRequests(try pullRequestList(response, request))
    case .comments: return .comments(try commentList(response, request))
    case .deleteComment: return .deleted
    case .account: return .account(try decode(AccountBody.self, response, request).login)
    case .comment:
      _ = try decode(CommentBody.self, response, request)
      return .created
    case .mayPush:
      let permission = try decode(PermissionBody.self, response, request).permission
      return .mayPush(["admin", "write"].contains(permission))
    case .addLabels:
      _ = try decode([LabelBody].self, response, request)
      return .created
    case .requestReviewers:
      _ = try decode(NumberBody.self, response, request)
      return .created
    case .reply:
      _ = try decode(CommentBody.self, response, request)
      return .created
    case .changedHead:
      if response.status == 304 { return .unchanged }
      let head = ObjectID(try decode(RefBody.self, response, request).object.sha)
      return .changedHead(head, response.headers["etag"].map { ForgeValidator($0) })
    case .changedPullRequest:
      if response.status == 304 { return .unchanged }
      let found = try decode(PullRequestBody.self, response, request).value
      return .changedPullRequest(found, response.headers["etag"].map { ForgeValidator($0) })
    case .issue: return .issue(try decode(IssueBody.self, response, request).value)
    case .repositories:
      return .repositories(try usableRepositories(response, request).usable, isComplete: false)
    case .feedback, .reviewComments:
      let found = try decode([ReviewCommentBody].self, response, request)
      return .feedback(found.compactMap(\.feedback))
    case .openPullRequests:
      return .openPullRequests(try pullRequestList(response, request), nil)
    case .checks:
      let found = try decode(CheckRunsBody.self, response, request).checkRuns
      return .checks(found.map(\.value), nil)
    case .checkReport: return .checkReport(String(decoding: response.body, as: UTF8.self))
    }
  }

  func commentList(
    _ response: HTTPResponse, _ request: RESTRequest
  ) throws(ForgeFault) -> [ForgeComment] {
    try decode([IssueCommentBody].self, response, request).map(\.comment)
  }

  /// The repositories of a page, and how many of them can be pushed to.
  func usableRepositories(
    _ response: HTTPResponse, _ request: RESTRequest
  ) throws(ForgeFault) -> (count: Int, usable: [RepositoryName]) {
    switch try decode(RepositoryListBody.self, response, request) {
    case .list(let all): (all.count, all.compactMap(\.usable))
    }
  }

  func pullRequestList(
    _ response: HTTPResponse, _ request: RESTRequest
  ) throws(ForgeFault) -> [ForgePullRequest] {
    try decode([PullRequestBody].self, response, request).map(\.value)
  }

  /// The repository's present owner.
  func ownerLogin(
    _ response: HTTPResponse, _ request: RESTRequest
  ) throws(ForgeFault) -> String {
    try decode(RepositoryBody.self, response, request).owner?.login
      ?? request.repository?.owner ?? ""
  }

  /// Reads a SHA: the whole body if the forge knows that media type, otherwise a field of an
  /// object.
  private func headCommit(
    _ response: HTTPResponse, _ request: RESTRequest
  ) throws(ForgeFault) -> ObjectID {
    let text = String(decoding: response.body.prefix(64), as: UTF8.self)
    if text.utf8.count == 40 || text.utf8.count == 64, text.allSatisfy(\.isHexDigit) {
      return ObjectID(text)
    }
    return ObjectID(try decode(CommitNameBody.self, response, request).sha)
  }

  func decode<Body: Decodable>(
    _ type: Body.Type, _ response: HTTPResponse, _ request: RESTRequest
  ) throws(ForgeFault) -> Body {
    do { return try JSONDecoder.github.decode(type, from: Data(response.body)) } catch {
      throw ForgeFault(
        kind: .unavailable,
        message: "the answer to \(request) is not what the API describes: \(brief(error))",
        hint: "Check that AIPM_GITHUB_API_URL names the API: \(configuration.apiURL).",
        requestID: response.headers[Self.requestIDHeader])
    }
  }

  /// The reply to a read of something that does not exist; nil if that is a fault.
  func absence(of call: ForgeCall, _ fault: ForgeFault) -> ForgeReply? {
    guard fault.kind == .notFound else { return nil }
    switch call {
    case .branch, .branchHead(_, .some): return .head(nil)
    case .fileBlob: return .blob(nil)
    case .mayPush: return .mayPush(false)
    case .deleteComment: return .deleted
    case .repository, .branchHead(_, nil), .tree, .createBranch, .putFile, .compare,
      .openPullRequest, .pullRequests, .pullRequest, .comments, .comment, .addLabels,
      .requestReviewers, .feedback, .reviewComments, .reply, .openPullRequests, .checks,
      .checkReport, .changedHead, .changedPullRequest, .issue, .repositories, .account:
      return nil
    }
  }

  private func brief(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): "\(key.stringValue) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      context.codingPath.map(\.stringValue).joined(separator: ".") + " is of another type"
    case .dataCorrupted, nil: "it is no JSON"
    case .some: "it cannot be read"
    }
  }
}

extension ComparisonBody.Commit {
  var value: ForgeCommit {
    ForgeCommit(
      sha: ObjectID(sha), parents: parents.map { ObjectID($0.sha) }, message: commit.message)
  }
}

extension JSONDecoder {
  /// Decodes GitHub's names in snake case.
  static var github: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }
}
