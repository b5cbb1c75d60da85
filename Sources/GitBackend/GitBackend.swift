// git over HTTP: `git http-backend`, git's own CGI program, behind Hummingbird.
//
// Purpose: the embedded forge serves its repositories with it, and the server its mirrors to the
// workers. The caller authorizes each request before it calls; here a repository is a path, and an
// operation is allowed or not.
//
// Guarantees: only the smart protocol is served, so no file of a repository can be read by its
// name. The bodies of request and response pass chunk by chunk with back-pressure, so memory is
// bounded. The host's hooks and configuration have no effect. The process ends with the response,
// with the client's connection, or at its time limit.
//
// Failures: a response of 4xx or 5xx if none has begun; after that the connection is closed, which
// git reports to its user. A client that disconnects is noticed at the next write; git writes at
// least every five seconds.

import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Processes

/// Serves one request of git's smart HTTP protocol
/// (https://git-scm.com/docs/gitprotocol-http) with `git http-backend`.
package struct GitBackend: Sendable {
  /// What the caller allows this request.
  package struct Options: Sendable {
    /// Push. Clone and fetch are always allowed.
    package var allowReceivePack = false
    /// The user, as authenticated by the caller; git records it in the reflog.
    package var remoteUser: String?
    /// git settings in addition to the safe defaults, such as `uploadpack.allowAnySHA1InWant`.
    package var config: [(key: String, value: String)] = []
    /// A folder of hooks that the caller owns; nil for no hooks.
    package var hooksPath: String?
    /// Variables for the hooks.
    package var environment: [String: String] = [:]
    /// From the request's head to the end of the response.
    package var timeout: Duration = .seconds(600)
    /// The maximum size of a request's body as received, compressed or not, in bytes.
    package var requestLimit: Int = 1 << 30

    package init() {}
  }

  /// The requested operation.
  package enum Operation: Sendable, Equatable {
    case advertise(Service)
    case call(Service)

    /// A service of git's smart protocol.
    package enum Service: String, Sendable {
      case uploadPack = "git-upload-pack"
      case receivePack = "git-receive-pack"
    }

    /// nil if the request is not one of the smart protocol.
    /// - Parameter suffix: the path after the repository, such as `info/refs`.
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

  /// Responds to the request.
  /// - Parameters:
  ///   - repository: the absolute path of a bare repository that the caller has validated.
  ///   - onEnd: called after git ended and before the client receives the end of the response, with
  ///     whether git succeeded. The effects of a push are then in place when the push returns.
  package func respond(
    to request: Request, operation: Operation, repository: String, options: Options,
    onEnd: @escaping @Sendable (_ succeeded: Bool) async -> Void = { _ in }
  ) async -> Response {
    guard operation.service == .uploadPack || options.allowReceivePack else {
      return plain(.forbidden, "\(operation.service.rawValue): not allowed\n")
    }
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
      return plain(.internalServerError, "git http-backend failed.\n")
    }
  }

  private func plain(_ status: HTTPResponse.Status, _ text: String) -> Response {
    Response(
      status: status, headers: [.contentType: "text/plain; charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  /// The CGI call: RFC 3875, and `git help http-backend` for the variables that git reads.
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
    // git makes the e-mail address in the reflog from user and address.
    variables["REMOTE_ADDR"] = "localhost"
    var config: [(key: String, value: String)] = [
      ("http.getanyfile", "false"),
      ("http.uploadpack", "true"),
      ("http.receivepack", options.allowReceivePack ? "true" : "false"),
      // git buffers a fetch's list of its commits in memory, up to this size.
      ("http.maxRequestBuffer", "64m"),
      // Repositories may belong to another user of this system than the server's.
      ("safe.directory", "*"),
    ]
    if let hooks = options.hooksPath { config.append(("core.hooksPath", hooks)) }
    return Command(
      "git", ["http-backend"],
      environment: Git.environment(extra: variables, config: config + options.config),
      timeout: options.timeout, outputLimit: 64 << 10)
  }
}
