import Domain

/// A document of the provider. It is fetched once for all callers who wait for it, and is used for
/// an hour.
actor SharedDocument<Value: Sendable> {
  private let now: @Sendable () -> Timestamp
  private var known: (value: Value, at: Timestamp)?
  private var request: Task<Result<Value, OpenIDFault>, Never>?
  private var requestedAt: Timestamp?

  private static var lifetime: Milliseconds { .seconds(3600) }

  init(now: @escaping @Sendable () -> Timestamp) { self.now = now }

  /// The document; nil if it was not fetched in the last hour.
  var current: Value? {
    known.flatMap { isWithin(Self.lifetime, since: $0.at) ? $0.value : nil }
  }

  /// Whether it was last requested so recently, and the request has ended.
  func isPaused(for pause: Milliseconds) -> Bool {
    request == nil && (requestedAt.map { isWithin(pause, since: $0) } ?? false)
  }

  /// Fetches it, or waits for the request that is on its way.
  func fetch(
    _ load: @escaping @Sendable () async throws(OpenIDFault) -> Value
  ) async throws(OpenIDFault) -> Value {
    if let request { return try await request.value.get() }
    requestedAt = now()
    let started = Task { () async -> Result<Value, OpenIDFault> in
      do throws(OpenIDFault) { return .success(try await load()) } catch { return .failure(error) }
    }
    request = started
    let result = await started.value
    request = nil
    if case .success(let value) = result { known = (value, now()) }
    return try result.get()
  }

  /// False if the clock was set back.
  private func isWithin(_ span: Milliseconds, since time: Timestamp) -> Bool {
    let now = now()
    return now >= time && now - time < span
  }
}
