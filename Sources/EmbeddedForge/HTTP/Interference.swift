// What lies between a client and a real forge: distance. Faults of other kinds have their place
// here too.

import Hummingbird

struct Interference: Sendable {
  /// How long each call takes on its way.
  var latency: Duration?

  /// Answers a call of the API as the network would let the client see it.
  func around(_ answer: () async throws -> Response) async throws -> Response {
    if let latency { try await Task.sleep(for: latency) }
    return try await answer()
  }
}
