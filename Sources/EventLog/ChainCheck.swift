import Domain

/// Checks a log event by event: positions without a gap, times that do not fall, texts that fit
/// their hashes, and the chain. Values are hashed again; links alone prove nothing.
package struct ChainCheck: Sendable {
  /// The hash of the last event taken in.
  package private(set) var head: LogHead
  private var time = Timestamp(milliseconds: Int64.min)

  /// - Parameter head: the event before the first one to check.
  package init(after head: LogHead = .empty) { self.head = head }

  /// Takes the next event in. After a fault the check goes on from what the log says.
  /// - Returns: what is wrong with it; nil where nothing is.
  package mutating func take(_ stored: StoredEvent) -> String? {
    let before = head
    head = LogHead(position: stored.position, hash: stored.hash)
    guard stored.position == before.position + 1 else {
      return "the log has a gap: after position \(before.position) comes \(stored.position)"
    }
    if stored.time < time { return "event \(stored.position) is older than the one before it" }
    time = stored.time
    if let payload = stored.recomputedPayloadHash, payload != stored.payloadHash {
      return "the text of event \(stored.position) was changed: it does not fit its hash"
    }
    do throws(CodecFault) {
      guard try stored.recomputedHash(previous: before.hash) == stored.hash else {
        return "event \(stored.position) was changed: its values do not fit its hash"
      }
    } catch {
      return "event \(stored.position) cannot be read: \(error)"
    }
    return nil
  }
}
