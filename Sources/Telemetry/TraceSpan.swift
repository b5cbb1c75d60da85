import Domain

/// The value of an attribute.
package enum TraceValue: Equatable, Sendable {
  case text(String)
  case integer(Int64)
  case number(Double)
  case flag(Bool)
}

/// Attributes by name.
package typealias TraceAttributes = [String: TraceValue]

/// A moment within a span.
package struct TraceMoment: Equatable, Sendable {
  package var name: String
  package var time: Timestamp
  package var attributes: TraceAttributes = [:]
}

/// A part of a trace, from one event of the log to another.
package struct TraceSpan: Equatable, Sendable {
  /// On which side of a call the span is.
  package enum Kind: Int64, Sendable {
    case `internal` = 1
    /// A call to the forge.
    case client = 3
  }

  /// What became of it.
  package enum Status: Equatable, Sendable {
    case unset
    case good
    /// A failure, by its code.
    case bad(String)
  }

  package let id: [UInt8]
  /// nil for the root.
  package let parent: [UInt8]?
  package var name: String
  package var kind: Kind
  package let start: Timestamp
  package var end: Timestamp
  package var status = Status.unset
  package var attributes: TraceAttributes
  package var moments: [TraceMoment] = []
}

extension TraceSpan {
  /// Ends the span.
  mutating func finish(at time: Timestamp, failure: String?) {
    end = time
    guard let failure else { return }
    status = .bad(failure)
    attributes["error.type"] = .text(failure)
  }

  mutating func note(_ name: String, at time: Timestamp, _ attributes: TraceAttributes = [:]) {
    moments.append(TraceMoment(name: name, time: time, attributes: attributes))
  }
}
