// What lies between a client and a real forge: distance. Faults of other kinds have their place
// here too.

import Hummingbird

struct Interference: Sendable {
  /// How long each call takes in all, the forge's own work included; one that takes longer by
  /// itself takes no longer for it.
  var latency: Duration?

  /// Answers a call of the API as the network would let the client see it.
  func around(_ answer: () async throws -> Response) async throws -> Response {
    guard let latency else { return try await answer() }
    let due = ContinuousClock.now + latency
    let response = try await answer()
    try await Task.sleep(until: due)
    return response
  }
}
