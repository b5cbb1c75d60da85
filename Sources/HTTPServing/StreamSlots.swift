import NIOCore
import Synchronization

/// The event streams of one server. Readers can hold them open for any time, so there is a limit
/// for all and for each client. If it is reached, a stream that nobody reads is closed.
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

  private struct State {
    var last = 0
    var open: [Int: (channel: any Channel, client: Client)] = [:]
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

  /// - Returns: nil if there are too many, and each of them is read.
  package func open(on channel: any Channel) -> Ticket? {
    let client = Client(channel.remoteAddress)
    let (number, unread) = state.withLock { state -> (Int?, (any Channel)?) in
      let isGreedy =
        client != .thisMachine
        && state.open.values.count { $0.client == client } >= perClientMax
      var unread: (any Channel)?
      if isGreedy || state.open.count >= max {
        let stalled = state.open.filter {
          !$0.value.channel.isWritable && (!isGreedy || $0.value.client == client)
        }
        guard let oldest = stalled.keys.min() else { return (nil, nil) }
        unread = state.open.removeValue(forKey: oldest)?.channel
      }
      state.last += 1
      state.open[state.last] = (channel, client)
      return (state.last, unread)
    }
    unread?.close(promise: nil)
    return number.map { Ticket(self, $0) }
  }

  private func remove(_ number: Int) { state.withLock { state in state.open[number] = nil } }
}
