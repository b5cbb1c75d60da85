import Domain

/// Checks a log event by event: positions without a gap, times that don't decrease, texts that
/// match their hashes, and the chain of hashes. Hashes are computed again from the values.
///
/// A finding depends only on the event and on the one before it, so parts of a log can be checked
/// independently.
package struct ChainCheck: Sendable {
  /// The result for one event.
  package struct Finding: Equatable, Sendable {
    /// The fault; nil if the event is valid.
    package var fault: String?
    /// Whether the event had a text that was redacted.
    package var isTextless: Bool

    /// The finding of a valid event with its text.
    package static let sound = Finding(fault: nil, isTextless: false)
  }

  /// The last event that was taken.
  package private(set) var head: LogHead
  private var time: Timestamp

  /// - Parameters:
  ///   - head: the event before the first one to check.
  ///   - time: the time of that event; nil if it is unknown.
  package init(
    after head: LogHead = .empty, time: Timestamp? = nil
  ) {
    self.head = head
    self.time = time ?? Timestamp(milliseconds: Int64.min)
  }

  /// Checks the next event. After a fault the check continues from the hash in the log.
  /// - Returns: the fault; nil if the event is valid.
  package mutating func take(_ stored: StoredEvent) -> String? { examine(stored).fault }

  /// Checks the next event. After a fault the check continues from the hash in the log.
  package mutating func examine(_ stored: StoredEvent) -> Finding {
    let payloadHash = stored.recomputedPayloadHash
    let fault = fault(
      position: stored.position, time: stored.time,
      isTextValid: payloadHash == nil || payloadHash == stored.payloadHash
    ) { () throws(CodecFault) in
      LogHash.chain(previous: head.hash, leaf: try LogHash.leaf(of: stored)) == stored.hash
    }
    head = LogHead(position: stored.position, hash: stored.hash)
    time = stored.time
    return Finding(fault: fault, isTextless: payloadHash == nil)
  }

  /// Checks the next row. After a fault the check continues from the hash in the log.
  /// - Parameters:
  ///   - stream: the name of the row's stream.
  ///   - salt: empty if the event has no text.
  package mutating func take(
    _ row: any EventRow, stream: String, salt: UnsafeRawBufferPointer,
    text: UnsafeRawBufferPointer, using hasher: inout EventHasher
  ) -> Finding {
    let payloadHash = row.bytes(.payloadHash) ?? .nothing
    let hasText = !salt.isEmpty || !text.isEmpty
    let isTextless =
      !hasText && !LogHash.emptyPayload.withUnsafeBytes { $0.isSame(as: payloadHash) }
    let fault = fault(
      position: row.integer(.position) ?? 0,
      time: Timestamp(milliseconds: row.integer(.time) ?? 0),
      isTextValid: !hasText || hasher.isPayloadHash(payloadHash, salt: salt, text: text)
    ) { () throws(CodecFault) in
      try hasher.isChained(row, stream: stream, after: head.hash)
    }
    go(to: row)
    return Finding(fault: fault, isTextless: isTextless)
  }

  private func fault(
    position: Int64, time: Timestamp, isTextValid: Bool,
    isChained: () throws(CodecFault) -> Bool
  ) -> String? {
    guard position == head.position + 1 else {
      return "the log has a gap: after position \(head.position) comes \(position)"
    }
    if time < self.time { return "event \(position) is older than the one before it" }
    if !isTextValid {
      return "the text of event \(position) was changed: it does not fit its hash"
    }
    do throws(CodecFault) {
      guard try isChained() else {
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
    // The array is reused: a check of millions of events would otherwise allocate one for each.
    if head.hash.count == hash.count {
      head.hash.withUnsafeMutableBytes { $0.copyMemory(from: hash) }
    } else {
      head.hash = Array(hash)
    }
    time = Timestamp(milliseconds: row.integer(.time) ?? 0)
  }
}
