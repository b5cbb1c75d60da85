import Domain
import EventLog

/// Where a store is.
package enum StoreLocation: Equatable, Sendable {
  /// The database in a data folder.
  case folder(String)
}

/// A kind of store at one location: opens it, and maintains it while no server uses it. Programs
/// get one from the one function that picks it by the location, and know nothing else of a store.
/// Its description names the store for people.
package protocol StoreDriver: Sendable, CustomStringConvertible {
  /// Takes the store for this process alone, until the lock is released.
  /// - Throws: `StoreInUse` if another process has it; `StoreFault` if it cannot be locked.
  func lock() throws -> any StoreLock

  /// Opens the store for writing, and creates it if it is missing. The caller has the lock.
  /// - Throws: `StoreFault` if there is no log that can even be read. A log that is corrupt is
  ///   opened, and refuses each append with the reason.
  func open(_ options: StoreOptions) throws(StoreFault) -> any RunningStore

  /// Opens the log for reading, whether or not a server writes to it.
  /// - Throws: `NoLog` if there is none; `StoreFault` if it cannot be read.
  func reader() throws -> any LogReader

  /// Writes one state of the store into a file that SQLite opens, and checks the copy.
  /// - Throws: `StoreFault` if `path` exists or the copy is not sound; then there is no copy.
  func backUp(
    to path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification

  /// Puts the content of a backup in place of the store's, once it is checked. The caller has the
  /// lock.
  /// - Throws: `StoreFault` if the backup is not sound; then nothing was changed.
  func restore(
    from path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification

  /// Makes everything again that is derived from the log. The caller has the lock.
  /// - Throws: `StoreFault` if there is no log, or it is corrupt; then nothing was changed.
  func rebuildViews(onProgress: @escaping ReplayProgress) async throws(StoreFault) -> Rebuild
}

/// How a store is opened for writing.
package struct StoreOptions: Sendable {
  /// The time of events. If it steps back, the log's time does not.
  package var clock: @Sendable () -> Timestamp
  /// Whether a log is accepted that is older than the head that is kept apart, or another one.
  package var acceptsRestore = false
  /// Removes credentials from texts before they are stored.
  package var mask: SecretMask?
  /// Called with each append of this process before its caller is answered.
  package var onCommit: CommitObserver = { _ in }
  /// Called while views are built that the store does not have in this program's version, before
  /// anything else is read.
  package var onViewBuild: @Sendable (ViewBuild) -> Void = { _ in }

  package init(clock: @escaping @Sendable () -> Timestamp) { self.clock = clock }
}

/// Views that a store builds while it is opened, since it does not have them, or has them in
/// another version.
package struct ViewBuild: Sendable {
  package let views: [ViewName]
  /// How many events there are to fold.
  package let events: Int64
  /// How many of them were folded.
  package var folded = 0

  package init(views: [ViewName], events: Int64) {
    self.views = views
    self.events = events
  }
}

/// A store that is open for writing.
package protocol RunningStore: EventStore, ReadModels, LogReader {
  var feed: any CommitFeed { get }

  /// Where the log ended that was accepted in place of a newer one; nil if none was.
  var acceptedRestore: Int64? { get }

  /// Writes what waits, takes nothing more, and returns when the store is closed.
  func close() async
}

/// Held while a process has a store for itself.
package protocol StoreLock: Sendable {
  /// Stores who holds it, for whoever is refused.
  func note(_ text: String)
}

/// Another process has the store.
package struct StoreInUse: Error, Sendable, CustomStringConvertible {
  package let description: String
  package init(description: String) { self.description = description }
}

/// There is no log at a location.
package struct NoLog: Error, Sendable, CustomStringConvertible {
  package let description: String
  package init(description: String) { self.description = description }
}
