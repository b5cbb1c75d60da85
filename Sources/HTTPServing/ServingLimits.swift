import Glibc

/// How much of a server one client, and all clients together, may take.
package struct ServingLimits: Sendable {
  /// Connections in all; lowered to a third of the descriptors that the process may have.
  package var connectionsMax = 384
  /// Connections of one client: of an IPv4 address, or of an IPv6 network of 64 bits. Clients of
  /// this machine, among them a proxy in front, share the limit for all.
  package var connectionsPerClientMax = 96
  /// Event streams in all.
  package var streamsMax = 128
  /// Event streams of one client that is not on this machine.
  package var streamsPerClientMax = 32
  /// Requests of one address in a second, on average over ten.
  package var requestsPerSecondMax = 2000
  /// Submissions of one address in a second, on average over ten.
  package var submissionsPerSecondMax = 100
  /// Submissions in all that wait for their pull request.
  package var submissionsWaitingMax = 320
  /// From the connection's start to the end of its first request's head.
  package var headTimeout: Duration = .seconds(10)
  /// From the end of an answer to the end of the next request's head.
  package var idleTimeout: Duration = .seconds(75)
  /// How long the server waits for the next bytes of a body.
  package var bodyStallTimeout: Duration = .seconds(30)
  /// What a body must bring on average, in bytes a second, once it has been waited for as long as
  /// `bodyStallTimeout`. Time in which the server does not read counts for nobody.
  package var bodyBytesPerSecondMin = 1024
  /// How long a client may go on with a body whose request has been answered.
  package var lingerTimeout: Duration = .seconds(5)
  /// How long a client may take nothing of an answer before it is given up.
  package var writeStallTimeout: Duration = .seconds(30)
  /// Bytes of a request's headers.
  package var headBytesMax = 16 << 10
  /// Bytes of an answer that wait in the kernel without being sent (TCP_NOTSENT_LOWAT, tcp(7)): an
  /// answer that nobody reads costs this, its own pages, and no more.
  package var unsentBytesMax = 128 << 10

  /// Bytes that are read of a connection at once.
  package var receivedBytesMax = 16 << 10

  package init() {}

  /// What holds on this machine: one connection takes one descriptor, and files, pipes and
  /// other servers of the process need theirs.
  var connectionsHeld: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return connectionsMax
    }
    return max(8, min(connectionsMax, Int(clamping: limit.rlim_cur) / 3))
  }
}
