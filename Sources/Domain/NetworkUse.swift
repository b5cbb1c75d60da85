// The network use of an attempt: counts, and the hosts that were refused.

/// The network use of an attempt. It changes nothing else of the delegation.
package struct NetworkUsed: Equatable, Sendable {
  package var attempt: Int
  package var token: FencingToken
  /// nil in a fold, which doesn't need it.
  package var use: NetworkUse?
  package init(attempt: Int, token: FencingToken, use: NetworkUse?) {
    self.attempt = attempt
    self.token = token
    self.use = use
  }
}

/// Counts of allowed and refused connections, and the first refused hosts. The worker reports them,
/// and they are not verified.
package struct NetworkUse: Equatable, Sendable {
  /// The most refused hosts that an event lists. All of them are counted.
  package static let refusedHostsMax = 20

  /// A host and port that were refused, with the reason.
  package struct RefusedHost: Hashable, Sendable {
    /// A host's name in lower-case ASCII.
    package var host: String
    package var port: UInt16
    /// The code of the refusal, such as `host-unlisted`.
    package var code: String
    package init(host: String, port: UInt16, code: String) {
      self.host = host
      self.port = port
      self.code = code
    }

    /// `pypi.org`; with its port if that isn't the port of HTTPS.
    package var name: String { port == 443 ? host : "\(host):\(port)" }
  }

  package var hostsReached: Int
  package var hostsRefused: Int
  /// Connections and requests, the refused ones included.
  package var connections: Int
  package var bytesUp: Int
  package var bytesDown: Int
  /// In the order of their first refusal, at most `refusedHostsMax`.
  package let refusedHosts: [RefusedHost]
  package init(
    hostsReached: Int, hostsRefused: Int, connections: Int, bytesUp: Int, bytesDown: Int,
    refusedHosts: [RefusedHost]
  ) {
    self.hostsReached = hostsReached
    self.hostsRefused = hostsRefused
    self.connections = connections
    self.bytesUp = bytesUp
    self.bytesDown = bytesDown
    self.refusedHosts = Array(refusedHosts.prefix(Self.refusedHostsMax))
  }
}
