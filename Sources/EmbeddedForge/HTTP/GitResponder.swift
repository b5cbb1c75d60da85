// Clone, fetch and push under /OWNER/REPO.git, and under /OWNER/REPO as on GitHub.

import FoundationEssentials
import GitBackend
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Text

struct GitResponder: Sendable {
  let store: ForgeStore
  let folder: ForgeFolder
  let pullRequests: PullRequestKeeper
  let authenticator: Authenticator
  let logger: Logger

  private static let services: Set<String> = [
    "info/refs", "git-upload-pack", "git-receive-pack",
  ]

  /// Whether a path is one of git's. No name of a repository ends in `.git`.
  static func matches(_ path: [Substring]) -> Bool {
    guard path.count >= 3 else { return false }
    return path[1].hasSuffix(".git") || services.contains(path[2...].joined(separator: "/"))
  }

  /// - Parameter path: segments, still percent-encoded: owner, `REPO.git` or `REPO`, and the rest.
  func respond(to request: Request, path: [Substring]) async throws -> Response {
    guard request.method == .head else { return try await respond(request, path) }
    // The response to GET, without the body.
    var head = request.head
    head.method = .get
    let response = try await respond(Request(head: head, body: request.body), path)
    var headers = response.headers
    headers[.contentLength] = String(try await BufferedBody.read(response).readableBytes)
    return Response(status: response.status, headers: headers)
  }

  private func respond(_ request: Request, _ path: [Substring]) async throws -> Response {
    guard case .known(let login) = authenticator.caller(request.headers) else {
      return Self.text(
        .unauthorized, "Authentication needed: any user name, and the token as password.\n",
        [.wwwAuthenticate: "Basic realm=\"GitHub\""])
    }
    let suffix = path.dropFirst(2).joined(separator: "/")
    let written = path[1].hasSuffix(".git") ? path[1].dropLast(4) : path[1]
    guard let owner = Percent.decode(path[0]), let name = Percent.decode(written),
      let record = try await folder.repository(owner: owner, name: name, store: store)
    else { return Self.text(.notFound, "Repository not found.\n") }
    let allowed = suffix == "info/refs" ? "GET, HEAD" : "POST"
    if Self.services.contains(suffix), !allowed.contains(request.method.rawValue) {
      return Self.text(.methodNotAllowed, "Only \(allowed) is allowed here.\n", [.allow: allowed])
    }
    guard
      let operation = GitBackend.Operation(
        method: request.method, suffix: suffix, query: request.uri.query)
    else { return Self.text(.notFound, "Repository not found.\n") }
    let settings = record.settings
    if settings.isDisabled { return Self.text(.forbidden, "Repository access blocked.\n") }
    if operation.service == .receivePack {
      if settings.isArchived {
        return Self.text(.forbidden, "This repository was archived so it is read-only.\n")
      }
      if !settings.allowsWriting {
        return Self.text(.forbidden, "Write access to repository not granted.\n")
      }
    }
    let isPush = operation == .call(.receivePack)
    return await GitBackend(logger: logger).respond(
      to: request, operation: operation, repository: folder.git(record).path,
      options: options(record, login: login)
    ) { _ in
      // Also after a failed push, which may have updated some refs.
      if isPush { await afterPush(to: record) }
    }
  }

  private func options(_ record: RepositoryRecord, login: String) -> GitBackend.Options {
    var options = GitBackend.Options()
    options.allowReceivePack = true
    options.remoteUser = login
    options.hooksPath = folder.hooks
    options.environment = [
      "AIPM_PROTECTED_BRANCHES": record.settings.protectedBranches.joined(separator: "\n")
    ]
    options.config = [
      ("core.fsync", "all"), ("core.filesRefLockTimeout", "5000"),
      ("receive.fsckObjects", "true"), ("receive.hideRefs", "refs/pull"),
      ("receive.advertiseAtomic", "true"), ("receive.advertisePushOptions", "false"),
      ("uploadpack.allowAnySHA1InWant", "true"), ("uploadpack.allowFilter", "true"),
    ]
    return options
  }

  private func afterPush(to record: RepositoryRecord) async {
    do {
      try await store.notePush(to: record.id)
      try await pullRequests.refreshAll(of: record, folder.git(record))
    } catch {
      // Refs are authoritative: the next access to a pull request refreshes it.
      logger.error("pull requests were not updated after a push", metadata: ["error": "\(error)"])
    }
  }

  private static func text(
    _ status: HTTPResponse.Status, _ text: String, _ headers: HTTPFields = [:]
  ) -> Response {
    var headers = headers
    headers[.contentType] = "text/plain; charset=utf-8"
    return Response(status, headers, text.utf8)
  }
}

extension ForgeFolder {
  /// The hook that refuses pushes to protected branches. The environment has the patterns. `*` must
  /// not match a slash, but does in `case`, so slashes are counted.
  func writeHooks() throws {
    let script = """
      #!/bin/sh
      name=${1#refs/heads/}
      [ "$name" = "$1" ] && exit 0
      case "$2" in *[!0]*) ;; *) exit 0 ;; esac
      slashes() { printf %s "$1" | tr -dc /; }
      printf '%s\\n' "$AIPM_PROTECTED_BRANCHES" | while IFS= read -r pattern; do
        [ -n "$pattern" ] || continue
        case "$name" in $pattern) ;; *) continue ;; esac
        case "$pattern" in
          *"**"*) exit 1 ;;
        esac
        if [ "$(slashes "$name")" = "$(slashes "$pattern")" ]; then exit 1; fi
      done || {
        echo "error: GH006: Protected branch update failed for $1." >&2
        exit 1
      }

      """
    let files = FileManager.default
    try files.createDirectory(atPath: hooks, withIntermediateDirectories: true)
    let path = "\(hooks)/update"
    try Data(script.utf8).write(to: URL(filePath: path), options: .atomic)
    try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }
}
