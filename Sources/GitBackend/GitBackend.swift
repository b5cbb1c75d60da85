// git over HTTP: `git http-backend`, git's own CGI program, behind Hummingbird.
//
// What it is for: the embedded forge serves its repositories with it, and the server its mirrors to
// the workers. Who may do what is the caller's business and is settled before it calls; here a
// repository is a path and an operation is allowed or not.
//
// What it promises: only the smart protocol is spoken, so no file of a repository is handed out by
// name; the request's body goes to git and git's answer to the client chunk by chunk, each waiting
// for the other, so memory is bounded whatever the size; no hook and no configuration of the host
// has a say; the process ends with the answer, with the client, or at its limit.
//
// How it fails: an answer of 4xx or 5xx as long as none has begun; after that the connection breaks
// off, which git reports to its user. A client that goes away is noticed at the next write; git
// writes at least every five seconds.

import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Processes

/// Serves one request of git's smart HTTP protocol
/// (https://git-scm.com/docs/gitprotocol-http) with `git http-backend`.
package struct GitBackend: Sendable {
  /// What the caller lets this request do.
  package struct Options: Sendable {
    /// Clone and fetch.
    package var allowUploadPack = true
    /// Push.
    package var allowReceivePack = false
    /// Who asks, as authenticated by the caller; git puts it into the reflog.
    package var remoteUser: String?
    /// git settings on top of the safe ones, such as `uploadpack.allowAnySHA1InWant`.
    package var config: [(key: String, value: String)] = []
    /// A folder of hooks that the caller owns; nil: none runs.
    package var hooksPath: String?
    /// Variables for the hooks.
    package var environment: [String: String] = [:]
    /// From the request's head to the end of the answer.
    package var timeout: Duration = .seconds(600)
    /// Bytes of a request's body as they come, compressed or not.
    package var requestLimit: Int = 1 << 30

    package init() {}
  }

  /// What git is asked for.
  package enum Operation: Sendable, Equatable {
    case advertise(Service)
    case call(Service)

    /// What a client wants of a repository.
    package enum Service: String, Sendable {
      case uploadPack = "git-upload-pack"
      case receivePack = "git-receive-pack"
    }

    /// Nil where the request is none of the smart protocol.
    /// - Parameter suffix: what follows the repository in the path, such as `info/refs`.
    package init?(method: HTTPRequest.Method, suffix: String, query: String?) {
      switch (method, suffix) {
      case (.get, "info/refs"):
        guard let query, query.hasPrefix("service="),
          let service = Service(rawValue: String(query.dropFirst("service=".count)))
        else { return nil }
        self = .advertise(service)
      case (.post, _):
        guard let service = Service(rawValue: suffix) else { return nil }
        self = .call(service)
      case (_, _): return nil
      }
    }

    package var service: Service {
      switch self {
      case .advertise(let service), .call(let service): service
      }
    }

    var suffix: String {
      switch self {
      case .advertise: "info/refs"
      case .call(let service): service.rawValue
      }
    }
  }

  private let logger: Logger

  package init(logger: Logger) { self.logger = logger }

  /// Answers the request.
  /// - Parameters:
  ///   - repository: the absolute path of a bare repository that the caller has checked.
  ///   - onEnd: called after git ended and before the client sees the end of the answer, with
  ///     whether git ended well: whatever a push changes is then in place when the push returns.
  package func respond(
    to request: Request, operation: Operation, repository: String, options: Options,
    onEnd: @escaping @Sendable (_ succeeded: Bool) async -> Void = { _ in }
  ) async -> Response {
    let allowed =
      switch operation.service {
      case .uploadPack: options.allowUploadPack
      case .receivePack: options.allowReceivePack
      }
    guard allowed else { return plain(.forbidden, "\(operation.service.rawValue): not allowed\n") }
    let length = request.headers[.contentLength].flatMap { Int($0) }
    guard (length ?? 0) <= options.requestLimit else {
      return plain(.contentTooLarge, "The request is too large.\n")
    }
    let exchange = CGIExchange(
      command: command(for: request, operation, repository, options), request: request.body,
      requestLimit: options.requestLimit, logger: logger, onEnd: onEnd)
    do {
      let head = try await exchange.head()
      return Response(
        status: head.status, headers: head.headers,
        body: ResponseBody { writer in
          try await exchange.writeBody(to: &writer)
          try await writer.finish(nil)
        })
    } catch {
      logger.error("git http-backend", metadata: ["error": "\(error)"])
      return plain(.internalServerError, "git could not answer.\n")
    }
  }

  private func plain(_ status: HTTPResponse.Status, _ text: String) -> Response {
    Response(
      status: status, headers: [.contentType: "text/plain; charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  /// The CGI call: RFC 3875, and `git help http-backend` for what git reads of it.
  private func command(
    for request: Request, _ operation: Operation, _ repository: String, _ options: Options
  ) -> Command {
    var variables = options.environment
    variables["GIT_HTTP_EXPORT_ALL"] = "1"
    variables["GATEWAY_INTERFACE"] = "CGI/1.1"
    variables["SERVER_PROTOCOL"] = "HTTP/1.1"
    variables["REQUEST_METHOD"] = request.method.rawValue
    variables["PATH_TRANSLATED"] = "\(repository)/\(operation.suffix)"
    variables["QUERY_STRING"] = request.uri.query ?? ""
    variables["CONTENT_TYPE"] = request.headers[.contentType]
    variables["CONTENT_LENGTH"] = request.headers[.contentLength]
    variables["HTTP_CONTENT_ENCODING"] = request.headers[.contentEncoding]
    variables["GIT_PROTOCOL"] = HTTPField.Name("Git-Protocol").flatMap { request.headers[$0] }
    variables["REMOTE_USER"] = options.remoteUser
    // git makes an e-mail address of user and address for the reflog.
    variables["REMOTE_ADDR"] = "localhost"
    var config: [(key: String, value: String)] = [
      ("http.getanyfile", "false"),
      ("http.uploadpack", options.allowUploadPack ? "true" : "false"),
      ("http.receivepack", options.allowReceivePack ? "true" : "false"),
      // A fetch's list of what it has is held in memory by git, up to this.
      ("http.maxRequestBuffer", "64m"),
      // Repositories may belong to another user of this system than the one that serves them.
      ("safe.directory", "*"),
    ]
    if let hooks = options.hooksPath { config.append(("core.hooksPath", hooks)) }
    return Command(
      "git", ["http-backend"],
      environment: Git.environment(extra: variables, config: config + options.config),
      timeout: options.timeout, outputLimit: 64 << 10)
  }
}
