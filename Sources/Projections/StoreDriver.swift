import Domain
import EventLog

/// The location of a store.
package enum StoreLocation: Equatable, Sendable {
  /// The database in a data folder.
  case folder(String)
  /// A PostgreSQL database, by its address, and the data folder with what is kept beside it; nil
  /// for none.
  case postgreSQL(address: String, folder: String?)
}

/// A kind of store at one location: opens it, and maintains it while no server uses it. One
/// function picks the driver by the location; programs know nothing else of a store. The
/// description names the store for people.
package protocol StoreDriver: Sendable, CustomStringConvertible {
  /// Locks the store for this process, until the lock is released.
  /// - Throws: `StoreInUse` if another process has the lock; `StoreFault` if the store cannot be
  ///   locked.
  func lock() throws -> any StoreLock

  /// The election among the servers of the store; nil if it has one server.
  func election() -> (any StoreElection)?

  /// Looks at the server behind the store and its settings, for `aipm doctor`; empty for a file.
  func examine() async -> [StoreFinding]

  /// Opens the store for writing, and creates it if it is missing. The caller has the lock.
  /// - Throws: `StoreFault` if no log can be read. A corrupt log is opened, and refuses each append
  ///   with the reason.
  func open(_ options: StoreOptions) throws(StoreFault) -> any RunningStore

  /// Opens the log for reading, whether or not a server writes to it.
  /// - Throws: `NoLog` if there is no log; `StoreFault` if it cannot be read.
  func reader() throws -> any LogReader

  /// Writes one state of the store into a file that SQLite opens, and checks the copy.
  /// - Throws: `StoreFault` if `path` exists or the copy is corrupt; then the copy is removed.
  func backUp(
    to path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification

  /// Replaces the store's content by that of a backup, after checking the backup. The caller has
  /// the lock.
  /// - Throws: `StoreFault` if the backup is corrupt; then the store is unchanged.
  func restore(
    from path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification

  /// Fills the store, which has no events, with the log of another one: event by event, with the
  /// same hashes. The copy is checked before it is used. The caller has the lock.
  /// - Throws: `StoreFault` if the store has a log, or the source is corrupt; then the store is
  ///   unchanged.
  func copy(
    from source: any LogReader, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification

  /// Rebuilds everything that is derived from the log. The caller has the lock.
  /// - Throws: `StoreFault` if there is no log or it is corrupt; then the store is unchanged.
  func rebuildViews(onProgress: @escaping ReplayProgress) async throws(StoreFault) -> Rebuild

  /// The files that all servers of the store share, for a program that does not have the log: a
  /// command beside a server, a server that waits, or one that is about to open the log. Writes are
  /// not bound to a claim of the log.
  /// - Returns: nil if the store has no such files, or none yet.
  /// - Throws: `StoreFault` if the store cannot be reached.
  func sharedFiles() async throws(StoreFault) -> (any SharedFiles)?
}

extension StoreDriver {
  /// The data folder is the one place of everything.
  package func sharedFiles() async throws(StoreFault) -> (any SharedFiles)? { nil }
}

extension StoreDriver {
  /// See `StoreDriver`; for stores with one server.
  package func election() -> (any StoreElection)? { nil }
  /// See `StoreDriver`; for stores without a server.
  package func examine() async -> [StoreFinding] { [] }
}

/// The result of one check of a store's server.
package struct StoreFinding: Equatable, Sendable {
  /// How serious a finding is.
  package enum Verdict: Sendable { case good, poor, bad }

  /// What was checked, in a word or two.
  package var subject: String
  package var verdict: Verdict
  package var detail: String
  /// What a person can do.
  package var hint: String?

  package init(_ subject: String, _ verdict: Verdict, _ detail: String, hint: String? = nil) {
    self.subject = subject
    self.verdict = verdict
    self.detail = detail
    self.hint = hint
  }
}

/// How a store is opened for writing.
package struct StoreOptions: Sendable {
  /// The time of events. If it steps back, the log's time does not.
  package var clock: @Sendable () -> Timestamp
  /// Whether a log is accepted that differs from the separate head or is older.
  package var acceptsRestore = false
  /// Where other servers of the store reach this one; empty if they cannot.
  package var address = ""
  /// Removes credentials from texts before they are stored.
  package var mask: SecretMask?
  /// Called for each append of this process before the append returns.
  package var onCommit: CommitObserver = { _ in }
  /// Called for each transaction that appended events, after the appends returned. It must not
  /// block.
  package var onGroupCommit: @Sendable (GroupCommit) -> Void = { _ in }
  /// Called while missing or outdated views are built, before anything else is read.
  package var onViewBuild: @Sendable (ViewBuild) -> Void = { _ in }

  package init(clock: @escaping @Sendable () -> Timestamp) { self.clock = clock }
}

/// The views that a store builds when it is opened, because they are missing or have another
/// version.
package struct ViewBuild: Sendable {
  package let views: [ViewName]
  /// The number of events to fold.
  package let events: Int64
  /// The number of folded events.
  package var folded = 0

  package init(views: [ViewName], events: Int64) {
    self.views = views
    self.events = events
  }
}

/// A store that is open for writing.
package protocol RunningStore: EventStore, ReadModels, LogReader {
  var feed: any CommitFeed { get }

  /// The end of an older log that was accepted; nil if no older log was accepted.
  var acceptedRestore: Int64? { get }

  /// Why nothing is recorded, for the operator; nil if it is.
  var damage: String? { get }

  /// The number of this server's claim of the log; nil if the store has one server, or another
  /// server writes.
  var claim: Int64? { get }

  /// The files that all servers of the store share; nil if one data folder is the place of
  /// everything. Writes carry the claim of this store: they change nothing once another server has
  /// the log.
  var files: (any SharedFiles)? { get }

  /// Finishes the queued appends, refuses new ones, and returns when the store is closed.
  func close() async
}

extension RunningStore {
  package var files: (any SharedFiles)? { nil }
  /// See `RunningStore`; for stores with one server.
  package var claim: Int64? { nil }
}

/// The lock of a store for one process.
package protocol StoreLock: Sendable {
  /// Stores who has the lock, for messages to others.
  func note(_ text: String)
}

/// Another process has locked the store.
package struct StoreInUse: Error, Sendable, CustomStringConvertible {
  package let description: String
  package init(description: String) { self.description = description }
}

/// There is no log at a location.
package struct NoLog: Error, Sendable, CustomStringConvertible {
  package let description: String
  package init(description: String) { self.description = description }
}
