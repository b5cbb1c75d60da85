// Delegations as traces of OpenTelemetry.
//
// Purpose: an operator who has a collector sees a delegation where the other services are seen: how
// long it waited, which step was slow, what an agent used, and why it failed. A trace is a fold of
// the delegation's events, so it can be made at any time, also of delegations from before this
// module.
//
// Guarantees: the same events give the same bytes. The ids of the trace and of its spans are hashes
// of ids in the log, so an export that is repeated is the same trace, and the trace of a delegation
// that was retried contains the spans of the first export. All times are those of the log. A trace
// has names, numbers and codes only: no text of a task, of an agent or of the forge, so nothing
// that a redaction would have to reach.
//
// The names of attributes are those of OpenTelemetry's semantic conventions
// (https://opentelemetry.io/docs/specs/semconv/), and begin with `aipm.` where these have none. The
// bytes are OTLP's JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
//
// Failures: an event that its state does not allow ends the fold; what came before it is the trace.

import Cryptography
import Domain

/// Ids that depend on the log alone.
enum TraceIdentity {
  /// The id of a delegation's trace: 16 bytes.
  static func trace(_ id: DelegationID) -> [UInt8] {
    prefix(16, of: "aipm trace \(id.rawValue)")
  }

  /// The id of a span: 8 bytes.
  /// - Parameter key: the id of the event that opens the span, or another text that no other span
  ///   of this name has in any log.
  static func span(_ name: String, _ key: String) -> [UInt8] {
    prefix(8, of: "aipm span \(name) \(key)")
  }

  /// The first bytes of a SHA-256. Ids of zeros only are invalid.
  private static func prefix(_ count: Int, of text: String) -> [UInt8] {
    var bytes = Array(SHA256.hash(text.utf8).prefix(count))
    if bytes.allSatisfy({ $0 == 0 }) { bytes[count - 1] = 1 }
    return bytes
  }
}
