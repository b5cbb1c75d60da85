import Domain

/// An event taken apart: what is typed, and what is text.
package struct EncodedEvent: Equatable, Sendable {
  package var type: EventType
  package var facts: Facts
  /// The words of users, agents and the forge; what a redaction takes away.
  package var text: [String: JSONValue]
}

/// An event of the log that cannot be read.
package struct CodecFault: Error, Equatable, Sendable, CustomStringConvertible {
  package var type: String
  package var reason: String
  package init(type: String, reason: String) {
    self.type = type
    self.reason = reason
  }
  package var description: String { "\(type): \(reason)" }
}

/// Events to what the log keeps, and back. `decode(encode(e)) == e` for every event; without its
/// text an event decodes to the same facts with the words absent.
package enum EventCodec {
  /// The event as the log keeps it: its facts, and apart from them its words.
  package static func encode(_ event: Event) -> EncodedEvent {
    switch event {
    case .delegation(let event): encode(event)
    case .worker(let event): encode(event)
    case .system(let event): encode(event)
    }
  }

  /// - Parameter text: nil where the words were redacted, or are not wanted.
  /// - Throws: `CodecFault` where a fact is absent or not of its type.
  package static func decode(
    _ type: EventType, facts: Facts, text: [String: JSONValue]?
  ) throws(CodecFault) -> Event {
    try decode(FactReader(type: type, facts: facts, detail: facts.detail, text: text ?? [:]))
  }

  static func decode(_ reader: FactReader) throws(CodecFault) -> Event {
    switch reader.type {
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .failed, .baseResolved, .generated, .stepFailed, .released, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .actionDone, .networkUsed:
      return .delegation(try decodeDelegation(reader))
    case .workerRegistered, .workerUnhealthy, .workerRecovered, .workerRestarted, .workerParked,
      .workerDraining, .workerStopped, .workerLost:
      return .worker(try decodeWorker(reader))
    case .systemStarted, .systemRecovered, .systemRestored, .systemRedacted, .workflowDefined:
      return .system(try decodeSystem(reader))
    }
  }
}

/// Facts, with a named fault for each that is absent.
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
  /// Puts a text in where there is one.
  mutating func put(_ key: String, _ text: String?) {
    if let text { self[key] = .string(text) }
  }
}
