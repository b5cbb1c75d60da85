import NIOCore
import Synchronization

/// The event streams of one server. Readers can hold them open for any time, so there is a limit
/// for all, for each client, and for each sender that has a name. If it is reached, a stream that
/// nobody reads is closed: of the same client or sender if that one is over its own limit.
package final class StreamSlots: Sendable {
  /// One open stream; its slot is freed on release.
  package final class Ticket: Sendable {
    private let slots: StreamSlots
    private let number: Int

    fileprivate init(_ slots: StreamSlots, _ number: Int) {
      self.slots = slots
      self.number = number
    }

    deinit { slots.remove(number) }
  }

  private struct Stream {
    let channel: any Channel
    let client: Client
    let sender: String?
  }

  private struct State {
    var last = 0
    var open: [Int: Stream] = [:]
  }

  private let max: Int
  private let perClientMax: Int
  private let state = Mutex(State())

  package init(_ limits: ServingLimits) {
    max = limits.streamsMax
    perClientMax = limits.streamsPerClientMax
  }

  /// The number of open streams.
  package var count: Int { state.withLock { $0.open.count } }

  /// Opens a stream.
  /// - Parameters:
  ///   - address: the client's address if a proxy forwarded its request.
  ///   - sender: names the sender; nil if it has no name.
  /// - Returns: nil if there are too many, and each of them is read.
  package func open(
    on channel: any Channel, address: String? = nil, sender: String? = nil
  ) -> Ticket? {
    let client = address.map { Client(ip: $0) } ?? Client(channel.remoteAddress)
    let (number, unread) = state.withLock { state -> (Int?, (any Channel)?) in
      var (ofClient, ofSender) = (0, 0)
      for stream in state.open.values {
        if stream.client == client { ofClient += 1 }
        if let sender, stream.sender == sender { ofSender += 1 }
      }
      let isClientOver = client != .thisMachine && ofClient >= perClientMax
      let isSenderOver = ofSender >= perClientMax
      var unread: (any Channel)?
      if isClientOver || isSenderOver || state.open.count >= max {
        let stalled = state.open.filter { _, stream in
          !stream.channel.isWritable && (!isClientOver || stream.client == client)
            && (!isSenderOver || stream.sender == sender)
        }
        guard let oldest = stalled.keys.min() else { return (nil, nil) }
        unread = state.open.removeValue(forKey: oldest)?.channel
      }
      state.last += 1
      state.open[state.last] = Stream(channel: channel, client: client, sender: sender)
      return (state.last, unread)
    }
    unread?.close(promise: nil)
    return number.map { Ticket(self, $0) }
  }

  private func remove(_ number: Int) { state.withLock { state in state.open[number] = nil } }
}
