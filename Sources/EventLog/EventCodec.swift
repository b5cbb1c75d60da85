import Domain
import Text

/// An event as a store writes it: facts, and text apart from them.
package struct EncodedEvent: Equatable, Sendable {
  package var type: EventType
  package var facts: Facts
  /// The text of users, agents and the forge, which a redaction removes.
  package var text: [String: JSONValue]
}

/// Why an event can't be decoded.
package struct CodecFault: Error, Equatable, Sendable, CustomStringConvertible {
  package var type: String
  package var reason: String
  package init(type: String, reason: String) {
    self.type = type
    self.reason = reason
  }
  package var description: String { "\(type): \(reason)" }
}

/// Encodes and decodes events. `decode(encode(e)) == e` for every event. Without its text, an event
/// decodes to the same facts.
package enum EventCodec {
  /// Encodes an event.
  package static func encode(_ event: Event) -> EncodedEvent {
    switch event {
    case .delegation(let event): encode(event)
    case .worker(let event): encode(event)
    case .system(let event): encode(event)
    }
  }

  /// Decodes an event.
  /// - Parameter text: nil if the text was redacted, or isn't needed.
  /// - Throws: `CodecFault` if a fact is missing or invalid.
  package static func decode(
    _ type: EventType, facts: Facts, text: [String: JSONValue]?
  ) throws(CodecFault) -> Event {
    try decode(FactReader(type: type, facts: facts, detail: facts.detail, text: text ?? [:]))
  }

  static func decode(_ reader: FactReader) throws(CodecFault) -> Event {
    switch reader.type {
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .failed, .baseResolved, .generated, .stepFailed, .released, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .actionDone, .networkUsed, .feedbackRecorded,
      .feedbackJudged, .roundStarted, .roundEnded, .roundResumed, .roundsStopped:
      return .delegation(try decodeDelegation(reader))
    case .workerRegistered, .workerUnhealthy, .workerRecovered, .workerRestarted, .workerParked,
      .workerDraining, .workerStopped, .workerLost:
      return .worker(try decodeWorker(reader))
    case .systemStarted, .systemRecovered, .systemRestored, .systemRedacted, .workflowDefined,
      .tokenCreated,
      .tokenRevoked:
      return .system(try decodeSystem(reader))
    }
  }
}

/// Reads facts. Each missing one is a fault with its name.
struct FactReader {
  let type: EventType
  let facts: any FactSource
  let detail: [String: JSONValue]
  let text: [String: JSONValue]

  func text(_ column: EventColumn) throws(CodecFault) -> String {
    try need(facts.text(column), column)
  }

  func integer(_ column: EventColumn) throws(CodecFault) -> Int64 {
    try need(facts.integer(column), column)
  }

  func object(_ column: EventColumn) throws(CodecFault) -> ObjectID {
    try need(facts.object(column), column)
  }

  func word<T: RawRepresentable>(_ column: EventColumn) throws(CodecFault) -> T
  where T.RawValue == String {
    let raw = facts.text(column)
    guard let raw, let value = T(rawValue: raw) else {
      throw fault("\(column) \(raw ?? "absent") is not known")
    }
    return value
  }

  func count(_ name: String) throws(CodecFault) -> Int {
    Int(try need(detail[name]?.integerValue, name))
  }

  func words(_ name: String) -> String? { text[name]?.stringValue }

  func need<T>(_ value: T?, _ name: String) throws(CodecFault) -> T {
    guard let value else { throw fault("\(name) is absent") }
    return value
  }

  private func need<T>(_ value: T?, _ column: EventColumn) throws(CodecFault) -> T {
    guard let value else { throw fault("\(column) is absent") }
    return value
  }

  func fault(_ reason: String) -> CodecFault { CodecFault(type: type.name, reason: reason) }
}

extension [String: JSONValue] {
  /// Sets a text; nil leaves the key out.
  mutating func put(_ key: String, _ text: String?) {
    if let text { self[key] = .string(text) }
  }
}
