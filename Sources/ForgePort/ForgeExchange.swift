/// One request to a forge and its answer, for measurements.
package struct ForgeExchange: Equatable, Sendable {
  /// The method and the template of the path, such as `POST /repos/{owner}/{repo}/pulls`. It names
  /// no repository, so an adapter has only a few.
  package var route: String
  /// The status of the answer; nil if there was no answer.
  package var status: Int?
  package var time: Duration

  package init(route: String, status: Int?, time: Duration) {
    self.route = route
    self.status = status
    self.time = time
  }
}

/// Called for each request that was sent, also if no answer arrived. It must not block.
package typealias ForgeExchangeObserver = @Sendable (ForgeExchange) -> Void

/// Asked right before a request that changes something at the forge. While several servers share a
/// log, only the one that writes it may do so. It may wait.
/// - Returns: false if the request must not be sent.
package typealias WritePermission = @Sendable () async -> Bool

extension ForgeFault {
  /// The request was not sent, because another server may have taken over.
  package static let notPermitted = ForgeFault(
    kind: .unreachable, message: "another server has taken over, so nothing was sent")
}
