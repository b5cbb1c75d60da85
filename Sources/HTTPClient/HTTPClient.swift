import CCurl
import Synchronization

// An HTTP client on libcurl's multi interface.
//
// One thread of the client's own holds every curl handle and serves every transfer, so that
// Swift's cooperative threads never block and no handle is touched by two threads. Callers reach
// it through an inbox behind a lock and `curl_multi_wakeup`; answers come back through
// continuations. Connections are kept and reused, HTTP/2 is spoken where a TLS server has it.
//
// What it promises:
// - A call ends: with an answer, or with an `HTTPFault`, at the latest when its time-out is over.
//   Cancelling the calling task ends it at once and closes the connection.
// - A fault says whether the request may have arrived (`wasSent`). libcurl calls back between
//   "the connection stands" and "the first byte goes out"; that call is the line between the two.
// - A request other than GET and HEAD goes out once. libcurl repeats a request by itself when a
//   kept connection turns out to be dead; for the others that is refused and told as `noAnswer`,
//   since the server may have acted before it closed. Who counts requests has it refused for
//   GET and HEAD as well (`repeatsWhenStale`).
// - A reader that does not keep up stops the server (`stream`): about 320 KiB are held at most.
// - Headers go to the host that they were given for. A redirect to another one takes only
//   fields that carry no secret.
// - No cookies, no netrc, no signals, no protocol but http and https, and no request to this
//   machine through a proxy.
//
// How it fails: every fault is returned, none is logged; nothing is retried here but what HTTP
// calls safe. Over `maxTransfers` calls at once are refused (`overloaded`), not queued for ever.

/// Serves HTTP requests. Make one and share it: connections are kept per client.
package final class HTTPClient: Sendable {
  /// What all requests of a client have in common.
  package struct Configuration: Sendable {
    /// How other machines are reached; this one always directly.
    package enum Proxy: Sendable {
      /// `https_proxy`, `HTTPS_PROXY`, `http_proxy`, `all_proxy`, `no_proxy` as curl reads them.
      case environment
      case none
      case url(String)
    }

    package var userAgent: String
    /// PEM file of the authorities to trust in place of the system's.
    package var authoritiesFile: String?
    package var proxy: Proxy
    /// Transfers at once with one origin, streams included; the others wait for their turn.
    package var maxConnectionsPerHost: Int
    /// Transfers at once, those that wait for their turn included.
    package var maxTransfers: Int
    /// The path of a unix socket that every connection goes to, whatever host the URL names; at
    /// most 107 bytes.
    package var unixSocket: String?

    package init(
      userAgent: String, authoritiesFile: String? = nil, proxy: Proxy = .environment,
      maxConnectionsPerHost: Int = 16, maxTransfers: Int = 512, unixSocket: String? = nil
    ) {
      self.userAgent = userAgent
      self.authoritiesFile = authoritiesFile
      self.proxy = proxy
      self.maxConnectionsPerHost = maxConnectionsPerHost
      self.maxTransfers = maxTransfers
      self.unixSocket = unixSocket
    }
  }

  private let inbox: Inbox
  private let lastID = Atomic<UInt64>(0)

  /// Starts the client's thread.
  package init(configuration: Configuration) {
    inbox = Inbox(maxTransfers: configuration.maxTransfers)
    TransferLoop.start(inbox: inbox, configuration: configuration)
  }

  deinit { inbox.shutDown() }

  /// Sends a request and waits for the whole answer.
  package func send(_ request: HTTPRequest) async throws(HTTPFault) -> HTTPResponse {
    var request = request
    let deadline = request.timeout.map { ContinuousClock.now + $0 }
    for _ in 0..<5 {
      let response = try await sendOnce(request)
      guard request.followRedirects, request.isSafe,
        [301, 302, 303, 307, 308].contains(response.status), let url = response.redirectURL
      else { return response }
      request = try request.redirected(to: url)
      if let deadline {
        request.timeout = max(.milliseconds(1), deadline - ContinuousClock.now)
      }
    }
    return try await sendOnce(request)
  }

  private func sendOnce(_ request: HTTPRequest) async throws(HTTPFault) -> HTTPResponse {
    let id = nextID()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        inbox.submit(TransferRequest(id: id, request: request, sink: .whole(continuation)))
        // A cancellation before the submission found nothing to cancel.
        if Task.isCancelled { inbox.post(.cancel(id)) }
      }
    } onCancel: {
      inbox.post(.cancel(id))
    }
    return try result.get()
  }

  /// Sends a request and returns as soon as the head of the answer is there; the body follows in
  /// chunks, at the reader's pace. `responseLimit` and `followRedirects` do not apply. Give
  /// `idleTimeout` in place of `timeout` for an answer without end. Letting go of the stream
  /// ends the transfer.
  package func stream(_ request: HTTPRequest) async throws(HTTPFault) -> HTTPStream {
    let id = nextID()
    let channel = StreamChannel(id: id, inbox: inbox)
    inbox.submit(TransferRequest(id: id, request: request, sink: .stream(channel)))
    let result = await withTaskCancellationHandler {
      await channel.head()
    } onCancel: {
      inbox.post(.cancel(id))
    }
    return HTTPStream(head: try result.get(), channel: channel, client: self)
  }

  /// Ends every transfer (`cancelled`) and the thread. Calls after it are refused likewise.
  package func shutdown() { inbox.shutDown() }

  private func nextID() -> UInt64 { lastID.add(1, ordering: .relaxed).newValue }
}

extension HTTPRequest {
  /// Whether sending it twice asks for nothing more than sending it once (RFC 9110, 9.2.1).
  var isSafe: Bool { method == "GET" || method == "HEAD" }

  /// The same request elsewhere. On another origin only fields that carry no secret go along.
  func redirected(to url: String) throws(HTTPFault) -> HTTPRequest {
    var next = self
    next.url = url
    if try Origin(of: self.url) != Origin(of: url) {
      let harmless: Set = ["accept", "accept-encoding", "accept-language", "range", "user-agent"]
      next.headers = headers.filter { harmless.contains($0.0.lowercased()) }
    }
    return next
  }
}
