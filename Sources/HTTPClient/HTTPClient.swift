import CCurl
import Glibc
import Synchronization

// An HTTP client on libcurl's multi interface.
//
// One thread of the client owns every curl handle and runs every transfer, so Swift's cooperative
// threads never block and no handle is used by two threads. Callers reach it through an inbox with
// a lock and `curl_multi_wakeup`; responses are returned through continuations. Connections are
// kept and reused. HTTP/2 is used if a TLS server supports it.
//
// Guarantees:
// - A call ends with a response or with an `HTTPFault`, at the latest at its time-out. Cancelling
//   the calling task ends it at once and closes the connection.
// - A fault says whether the request may have arrived (`wasSent`). libcurl calls back between
//   connecting and sending the first byte; that call decides.
// - A request other than GET and HEAD is sent once. libcurl repeats a request if a kept connection
//   turns out to be closed; for other methods that is refused and reported as `noAnswer`, because
//   the server may have acted before it closed. `repeatsWhenStale` refuses it for GET and HEAD too,
//   for callers that count requests.
// - A slow reader slows the server down (`stream`): at most about 320 KiB are buffered.
// - Headers go only to the host for which they were given: no redirect is followed.
// - No cookies, no netrc, no signals, no protocol except http and https, and no request to this
//   machine through a proxy.
//
// Failures: every fault is returned, and none is logged. Only safe methods are retried. Above
// `maxTransfers` a call is refused (`overloaded`), so the queue is bounded.

/// Sends HTTP requests. Create one and share it: connections are kept per client.
package final class HTTPClient: Sendable {
  /// The settings of all requests of a client.
  package struct Configuration: Sendable {
    /// The proxy for other machines; this machine is always reached directly.
    package enum Proxy: Sendable {
      /// `https_proxy`, `HTTPS_PROXY`, `http_proxy`, `all_proxy`, `no_proxy`, as in curl.
      case environment
      case none
      case url(String)
    }

    package var userAgent: String
    /// A PEM file of trusted authorities, instead of the system's.
    package var authoritiesFile: String?
    package var proxy: Proxy
    /// Concurrent transfers with one origin, streams included; further ones are queued.
    package var maxConnectionsPerHost: Int
    /// Concurrent transfers, including queued ones.
    package var maxTransfers: Int
    /// The path of a unix socket for all connections, whatever host the URL names; at most 107
    /// bytes.
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

    /// The PEM file of authorities that the environment names, as for a company's own authority.
    package static var authoritiesOfEnvironment: String? {
      let names = ["AIPM_CA_FILE", "SSL_CERT_FILE"]
      return names.lazy.compactMap { name in
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
      }.first
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

  /// Sends a request and waits for the complete response.
  package func send(_ request: HTTPRequest) async throws(HTTPFault) -> HTTPResponse {
    let id = nextID()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        inbox.submit(TransferRequest(id: id, request: request, sink: .whole(continuation)))
        // A cancellation before the submission had nothing to cancel.
        if Task.isCancelled { inbox.post(.cancel(id)) }
      }
    } onCancel: {
      inbox.post(.cancel(id))
    }
    return try result.get()
  }

  /// Sends a request and returns as soon as the head of the response has arrived. The body follows
  /// in chunks, at the reader's pace. `responseLimit` does not apply. For a
  /// response without end, use `idleTimeout` instead of `timeout`. Releasing the stream ends the
  /// transfer.
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

  /// Ends every transfer (`cancelled`) and the thread. Later calls fail in the same way.
  package func shutdown() { inbox.shutDown() }

  private func nextID() -> UInt64 { lastID.add(1, ordering: .relaxed).newValue }
}

extension HTTPRequest {
  /// Whether the method is safe to repeat (RFC 9110, 9.2.1).
  var isSafe: Bool { method == "GET" || method == "HEAD" }
}
