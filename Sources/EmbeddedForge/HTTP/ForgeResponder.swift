// Routes a request to the API, to git, or to the pages.

import HTTPTypes
import Hummingbird
import NIOCore

struct ForgeResponder: HTTPResponder {
  typealias Context = ForgeContext

  let api: APIResponder
  let git: GitResponder
  let pages: PageResponder
  let interference: Interference

  private static let apiRoots: Set<Substring> = ["repos", "user", "users", "rate_limit"]

  func respond(to request: Request, context: ForgeContext) async throws -> Response {
    let target = request.head.path ?? "/"
    // Empty segments are kept: `a//b` is not `a/b`.
    let path = target.prefix { $0 != "?" }.split(
      separator: "/", omittingEmptySubsequences: false
    ).dropFirst()
    if path.starts(with: ["api", "v3"]) {
      return try await interference.applied(to: request, context) {
        try await api.respond(to: request, path: path.dropFirst(2), prefix: "/api/v3")
      }
    }
    if let first = path.first, Self.apiRoots.contains(first) {
      return try await interference.applied(to: request, context) {
        try await api.respond(to: request, path: path, prefix: "")
      }
    }
    let segments = Array(path)
    if GitResponder.matches(segments) {
      return try await interference.applied(to: request, context) {
        try await git.respond(to: request, path: segments)
      }
    }
    return try await pages.respond(to: request, path: segments == [""] ? [] : segments)
  }
}

extension Response {
  init(_ status: HTTPResponse.Status, _ headers: HTTPFields, _ body: some Sequence<UInt8>) {
    let body = ResponseBody(byteBuffer: ByteBuffer(bytes: body))
    self.init(status: status, headers: headers, body: body)
  }
}
