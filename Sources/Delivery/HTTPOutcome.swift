import Domain
import HTTPClient
import Text

extension DeliveryResult {
  /// The result of a call without a complete answer.
  init(_ fault: HTTPFault) {
    self =
      fault.kind == .invalidURL || fault.kind == .invalidRequest
      ? .refused(reason: fault.detail) : .failed(reason: fault.detail)
  }

  /// The result of an answer that is not a success.
  /// - Parameters:
  ///   - isTemporary: whether the status says that the same may work later.
  ///   - now: for a `Retry-After` with a time.
  static func status(
    of response: HTTPResponse, isTemporary: Bool, now: Timestamp
  ) -> DeliveryResult {
    let reason = "it answered \(response.status)"
    guard isTemporary else { return .refused(reason: reason) }
    return .failed(
      reason: reason,
      after: response.headers["retry-after"].flatMap { RetryAfter.read($0, now: now) })
  }
}

/// The field `Retry-After` (RFC 9110, section 10.2.3).
enum RetryAfter {
  /// - Returns: nil if the value is invalid.
  static func read(_ value: String, now: Timestamp) -> Milliseconds? {
    if let seconds = Int64(value) {
      return (0...31_536_000).contains(seconds) ? .seconds(seconds) : nil
    }
    guard let time = InternetDate.http(value) else { return nil }
    return max(Milliseconds(0), Timestamp(milliseconds: time) - now)
  }
}
