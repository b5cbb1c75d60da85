import Glibc

/// The limits of a server, for each client and for all.
package struct ServingLimits: Sendable {
  /// Connections in all; lowered to a third of the process's descriptors.
  package var connectionsMax = 384
  /// Connections of one client: of an IPv4 address, or of an IPv6 network of 64 bits. Clients on
  /// this machine, such as a reverse proxy, have only the limit for all.
  package var connectionsPerClientMax = 96
  /// Event streams in all.
  package var streamsMax = 128
  /// Event streams of one client that is not on this machine, and of one token or person.
  package var streamsPerClientMax = 32
  /// Requests of one address in a second, on average over ten.
  package var requestsPerSecondMax = 2000
  /// Submissions of one address in a second, on average over ten.
  package var submissionsPerSecondMax = 100
  /// Submissions in all that wait for their pull request.
  package var submissionsWaitingMax = 320
  /// From the connection's start to the end of its first request's head.
  package var headTimeout: Duration = .seconds(10)
  /// From the end of a response to the end of the next request's head.
  package var idleTimeout: Duration = .seconds(75)
  /// The longest wait for the next bytes of a body.
  package var bodyStallTimeout: Duration = .seconds(30)
  /// The minimum average rate of a body, in bytes a second, after a wait of `bodyStallTimeout`.
  /// Time in which the server does not read does not count.
  package var bodyBytesPerSecondMin = 1024
  /// How long a client may continue a body after the response.
  package var lingerTimeout: Duration = .seconds(5)
  /// How long a client may read nothing of a response.
  package var writeStallTimeout: Duration = .seconds(30)
  /// The maximum size of a request's headers, in bytes.
  package var headBytesMax = 16 << 10
  /// Unsent bytes of a response in the kernel (TCP_NOTSENT_LOWAT, tcp(7)), which bounds the cost of
  /// a response that nobody reads.
  package var unsentBytesMax = 128 << 10

  /// The maximum size of one read from a connection, in bytes.
  package var receivedBytesMax = 16 << 10

  package init() {}

  /// The limit on this machine: a connection takes one descriptor, and files, pipes and other
  /// servers of the process need descriptors too.
  var connectionsHeld: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return connectionsMax
    }
    return max(8, min(connectionsMax, Int(clamping: limit.rlim_cur) / 3))
  }
}
