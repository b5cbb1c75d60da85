// Clone, fetch and push under /OWNER/REPO.git, and under /OWNER/REPO as on GitHub.

import FoundationEssentials
import GitBackend
import Glibc
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Text

struct GitResponder: Sendable {
  let api: ForgeAPI
  /// The forge's URL, if the request has no host.
  let address: ForgeAddress
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
      let record = try await api.folder.repository(owner: owner, name: name, store: api.store)
    else { return Self.text(.notFound, "Repository not found.\n") }
    let role = try await api.role(of: login, in: record)
    guard role > .none else { return Self.text(.notFound, "Repository not found.\n") }
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
      if !settings.allowsWriting || role < .push {
        return Self.text(.forbidden, "Write access to repository not granted.\n")
      }
    }
    let isPush = operation == .call(.receivePack)
    let report = MovedRefsFile(in: api.folder)
    let urls = ForgeURLs(host: request.head.authority, fallback: address.base, prefix: "")
    return await GitBackend(logger: logger).respond(
      to: request, operation: operation, repository: api.folder.git(record).path,
      options: options(record, login: login, report: report)
    ) { _ in
      // Also after a failed push, which may have updated some refs.
      if isPush { await afterPush(to: record, report, by: login, urls) }
    }
  }

  private func options(_ record: RepositoryRecord, login: String, report: MovedRefsFile)
    -> GitBackend.Options
  {
    var options = GitBackend.Options()
    options.allowReceivePack = true
    options.remoteUser = login
    options.hooksPath = api.folder.hooks
    options.environment = [
      "AIPM_PROTECTED_BRANCHES": record.settings.protectedBranches.joined(separator: "\n"),
      "AIPM_PUSH_REPORT": report.path,
    ]
    options.config = [
      ("core.fsync", "all"), ("core.filesRefLockTimeout", "5000"),
      ("receive.fsckObjects", "true"), ("receive.hideRefs", "refs/pull"),
      ("receive.advertiseAtomic", "true"), ("receive.advertisePushOptions", "false"),
      ("uploadpack.allowAnySHA1InWant", "true"), ("uploadpack.allowFilter", "true"),
    ]
    return options
  }

  private func afterPush(
    to record: RepositoryRecord, _ report: MovedRefsFile, by login: String, _ urls: ForgeURLs
  ) async {
    let changes = report.take()
    do {
      try await api.store.notePush(to: record.id)
      let repository = try await api.context(record, urls)
      for change in changes { await api.publishPush(change, in: repository, by: login) }
      try await api.refreshAll(in: repository, by: login)
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

/// A file in which git's hook lists the refs that a push moved.
private struct MovedRefsFile: Sendable {
  let path: String

  init(in folder: ForgeFolder) {
    path = "\(folder.incoming)/\(getpid())-\(UUID().uuidString).push"
  }

  /// Reads and removes it; empty if nothing moved.
  func take() -> [RefChange] {
    guard let data = try? Data(contentsOf: URL(filePath: path)) else { return [] }
    try? FileManager.default.removeItem(atPath: path)
    return String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { line in
      let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
      guard parts.count == 3, let old = ObjectName(parts[0]), let new = ObjectName(parts[1]),
        let ref = RefName(parts[2])
      else { return nil }
      return RefChange(ref: ref, old: old == .zero ? nil : old, new: new == .zero ? nil : new)
    }
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
    // The refs that moved, for the events of a push.
    let report = """
      #!/bin/sh
      [ -z "$AIPM_PUSH_REPORT" ] || cat >"$AIPM_PUSH_REPORT"

      """
    let files = FileManager.default
    try files.createDirectory(atPath: hooks, withIntermediateDirectories: true)
    try files.createDirectory(atPath: incoming, withIntermediateDirectories: true)
    for (name, text) in [("update", script), ("post-receive", report)] {
      let path = "\(hooks)/\(name)"
      try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
      try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }
  }
}
