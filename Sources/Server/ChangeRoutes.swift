import Domain
import Engine
import HTTPTypes
import Hummingbird
import NIOCore
import Projections
import Text

/// Changes for people to review: the generated commit's patch, its files, and what was kept of an
/// attempt without a commit.
struct ChangeRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.getDiff) { request, context in try await diff(request, context) }
    router.on(.getFile) { request, context in try await file(request, context) }
    router.on(.getPatch) { request, context in try await patch(request, context) }
  }

  private func diff(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    guard let (repository, found) = try await change(of: detail) else {
      if let attempt = try await server.output.patches(of: detail.row.id).max(),
        let kept = try await server.output.patch(of: detail.row.id, attempt: attempt)
      {
        return Self.patch(kept)
      }
      throw Self.noCommit(detail)
    }
    var change = found
    change.ignoresWhitespace = request.flag("ignore-whitespace")
    switch await server.engine.patch(repository, change) {
    case .success(let bytes): return Self.patch(bytes)
    case .failure(let fault): throw Problem.unavailable("git: \(fault.message)")
    }
  }

  private static func noCommit(_ detail: DelegationDetail) -> Problem {
    Problem.notFound(
      "generated commit of this delegation yet",
      hint: "Its state is \(detail.row.state.rawValue).")
  }

  /// The change of the last generated commit; nil without one.
  private func change(
    of detail: DelegationDetail
  ) async throws -> (repository: RepositoryName, change: MirrorChange)? {
    guard let made = try await server.generated(by: detail.row.id),
      let repository = RepositoryName(detail.row.repository)
    else { return nil }
    // Of a merge only what was done besides git's own merge.
    return (repository, MirrorChange(from: made.merge?.start ?? made.parent, to: made.sha))
  }

  /// A file's bytes. They come from an agent, so no browser may take them for a page or a script.
  private func file(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    guard let (repository, change) = try await change(of: detail) else {
      throw Self.noCommit(detail)
    }
    let path = request.text("path") ?? ""
    let side = request.text("side").flatMap { ChangeSide(rawValue: $0.lowercased()) } ?? .after
    switch await server.engine.file(path, side, of: change, in: repository) {
    case .success(.content(let bytes)):
      return Response(
        status: .ok,
        headers: [
          .contentType: "application/octet-stream", .cacheControl: "no-store",
          .xContentTypeOptions: "nosniff", .contentDisposition: "attachment",
          .contentSecurityPolicy: "default-src 'none'; sandbox",
        ], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    case .success(.absent):
      throw Problem.notFound(
        "file \"\(path)\" \(side.rawValue) this change",
        hint: "Only files that the change touches are shown.")
    case .success(.tooLarge(let bytes)):
      throw Problem.field(
        "path",
        "the file has \(bytes) bytes; up to \(Engine.fileBytesMax >> 20) MiB are shown")
    case .failure(let fault): throw Problem.unavailable("git: \(fault.message)")
    }
  }

  /// The patch of an attempt that made a change and no commit.
  private func patch(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let attempt = try DelegationRoutes.attempt(of: detail, asked: request)
    guard let bytes = try await server.output.patch(of: detail.row.id, attempt: attempt) else {
      throw Problem.notFound(
        "patch of attempt \(attempt)",
        hint: "A patch is kept if an attempt ended without a commit and had made changes, of at "
          + "most 8 MiB and without a credential.")
    }
    return Self.patch(bytes)
  }

  private static func patch(_ bytes: [UInt8]) -> Response {
    Response(
      status: .ok,
      headers: [.contentType: "text/x-diff; charset=utf-8", .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}
