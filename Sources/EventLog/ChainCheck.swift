import Domain

/// Checks a log event by event: positions without a gap, times that do not fall, texts that fit
/// their hashes, and the chain. Values are hashed again; links alone prove nothing.
///
/// What is found of an event depends on it and on the one before it alone, so that stretches of a
/// log can be checked apart from each other.
package struct ChainCheck: Sendable {
  /// What was found of one event.
  package struct Finding: Equatable, Sendable {
    /// What is wrong with it; nil where nothing is.
    package var fault: String?
    /// Whether it had words, and they were taken away.
    package var isTextless: Bool

    /// That of an event which is as it should be.
    package static let sound = Finding(fault: nil, isTextless: false)
  }

  /// The hash of the last event taken in.
  package private(set) var head: LogHead
  private var time: Timestamp

  /// - Parameters:
  ///   - head: the event before the first one to check.
  ///   - time: that event's; nil where it is not known.
  package init(
    after head: LogHead = .empty, time: Timestamp? = nil
  ) {
    self.head = head
    self.time = time ?? Timestamp(milliseconds: Int64.min)
  }

  /// Takes the next event in. After a fault the check goes on from what the log says.
  /// - Returns: what is wrong with it; nil where nothing is.
  package mutating func take(_ stored: StoredEvent) -> String? { examine(stored).fault }

  /// The same.
  package mutating func examine(_ stored: StoredEvent) -> Finding {
    var hasher = EventHasher()
    return stored.salt.withUnsafeBytes { salt in
      stored.body.withUnsafeBytes { text in
        take(
          StoredRow(stored), stream: stored.stream.text, salt: salt, text: text, using: &hasher)
      }
    }
  }

  /// The same of an event where it stands.
  /// - Parameters:
  ///   - stream: the name of its stream.
  ///   - salt: none where the event has no words.
  package mutating func take(
    _ row: any EventRow, stream: String, salt: UnsafeRawBufferPointer,
    text: UnsafeRawBufferPointer, using hasher: inout EventHasher
  ) -> Finding {
    let payloadHash = row.bytes(.payloadHash) ?? .nothing
    let hasWords = !salt.isEmpty || !text.isEmpty
    let isTextless =
      !hasWords && !LogHash.emptyPayload.withUnsafeBytes { $0.isSame(as: payloadHash) }
    let fitsWords = !hasWords || hasher.isPayloadHash(payloadHash, salt: salt, text: text)
    let fault = fault(of: row, stream: stream, fitsWords: fitsWords, &hasher)
    go(to: row)
    return Finding(fault: fault, isTextless: isTextless)
  }

  private func fault(
    of row: any EventRow, stream: String, fitsWords: Bool, _ hasher: inout EventHasher
  ) -> String? {
    let position = row.integer(.position) ?? 0
    guard position == head.position + 1 else {
      return "the log has a gap: after position \(head.position) comes \(position)"
    }
    if Timestamp(milliseconds: row.integer(.time) ?? 0) < time {
      return "event \(position) is older than the one before it"
    }
    if !fitsWords {
      return "the text of event \(position) was changed: it does not fit its hash"
    }
    do throws(CodecFault) {
      guard try hasher.isChained(row, stream: stream, after: head.hash) else {
        return "event \(position) was changed: its values do not fit its hash"
      }
    } catch {
      return "event \(position) cannot be read: \(error)"
    }
    return nil
  }

  private mutating func go(to row: any EventRow) {
    head.position = row.integer(.position) ?? 0
    let hash = row.bytes(.hash) ?? .nothing
    if head.hash.count == hash.count {
      head.hash.withUnsafeMutableBytes { $0.copyMemory(from: hash) }
    } else {
      head.hash = Array(hash)
    }
    time = Timestamp(milliseconds: row.integer(.time) ?? 0)
  }
}
