import EventLog

/// Several servers share a store, and one of them writes: the active one. The others follow: they
/// read, and one of them takes over when the active one dies.
package protocol StoreElection: Sendable {
  /// Waits until this server may write. An active server that gives no sign of life is replaced.
  /// - Returns: nil if `stop` was called.
  /// - Throws: `StoreFault` if the store refuses this server.
  func win() async throws(StoreFault) -> (any Leadership)?

  /// Ends the waiting in `win`.
  func stop()

  /// Opens the log for reading, while another server writes it.
  /// - Throws: `NoLog` if it does not exist yet; `StoreFault` if it cannot be read.
  func follow(_ options: StoreOptions) async throws -> FollowedStore
}

/// The right to write that a server has won. It ends when the store says so, or when the server
/// gives no sign of life for a few seconds.
package protocol Leadership: Sendable {
  /// Waits until the right is confirmed: until the store has answered a request that was sent less
  /// than a second ago. That is well before another server can have taken over.
  /// - Returns: false if the right was lost.
  func isConfirmed() async -> Bool

  /// Returns when the right is lost, with the reason for people. It cannot be won again: the
  /// process has to end.
  func loss() async -> String

  /// Gives the right up, after the store was closed.
  func resign() async
}

/// A store that another server writes to. Appends are refused.
package struct FollowedStore: Sendable {
  package let store: any RunningStore
  package let log: any FollowedLog

  package init(store: any RunningStore, log: any FollowedLog) {
    self.store = store
    self.log = log
  }
}

/// What a server knows of the log that another one writes.
package protocol FollowedLog: Sendable {
  var active: ActiveServer { get }

  /// Why the log is not the one that this server has read before; nil if it is.
  var contradiction: String? { get }

  /// How long ago this server had read all of the log.
  var lag: Duration { get }

  /// Signals changes of the other two.
  func changes() -> AsyncStream<Void>
}

/// The server that writes, as the store names it.
package struct ActiveServer: Equatable, Sendable {
  /// The number of its claim. It rises with each takeover.
  package var epoch: Int64
  /// Its process and its machine, for people.
  package var name: String
  /// The address at which other servers reach it; empty if it gave none.
  package var address: String

  package init(epoch: Int64, name: String, address: String) {
    self.epoch = epoch
    self.name = name
    self.address = address
  }
}
