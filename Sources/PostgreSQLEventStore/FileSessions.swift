#if PostgreSQL

import EventLog
import Glibc
import PostgreSQL
import Projections

/// The threads and sessions of the shared files: a few that read and a few that write, so that a
/// commit that waits for its standby delays no read. None of them is the log's.
final class FileSessions: Sendable {
  /// Which queue a call waits in.
  enum Kind { case read, write }

  private static let threads = 2
  private static let waitingMax = 1024
  private static let pauseMicroseconds: UInt32 = 100_000

  private let reads: SessionThreads
  private let writes: SessionThreads
  private let place: PostgreSQLPlace
  /// How long a call tries to reach a server.
  private let patience: Duration

  /// - Throws: `StoreFault` if no thread can be started.
  init(_ place: PostgreSQLPlace, patience: Duration) throws(StoreFault) {
    self.place = place
    self.patience = patience
    reads = try SessionThreads(Self.threads, waitingMax: Self.waitingMax, for: "files")
    do throws(StoreFault) {
      writes = try SessionThreads(Self.threads, waitingMax: Self.waitingMax, for: "files")
    } catch {
      reads.close()
      throw error
    }
  }

  func close() {
    reads.close()
    writes.close()
  }

  /// Runs `body` on one of the threads. If the session is lost, it runs again on another one, with
  /// `isAgain`: then the outcome of the run before is unknown.
  /// - Throws: what `body` throws, or `.unavailable`: too many calls wait, or no server answered in
  ///   time.
  func run<T: Sendable>(
    _ kind: Kind,
    _ body: @escaping @Sendable (PostgreSQLConnection, _ isAgain: Bool) throws -> T
  ) async throws(SharedFileFault) -> T {
    let threads =
      switch kind {
      case .read: reads
      case .write: writes
      }
    // A call that waited for its turn has no time left for a server that is silent.
    let deadline = ContinuousClock.now + patience
    return try await threads.run(orThrow: SharedFileFault.unavailable) { [place] session in
      Self.run(place, until: deadline, &session, body)
    }
  }

  private static func run<T>(
    _ place: PostgreSQLPlace, until deadline: ContinuousClock.Instant,
    _ connection: inout PostgreSQLConnection?,
    _ body: (PostgreSQLConnection, Bool) throws -> T
  ) -> Result<T, SharedFileFault> {
    var isAgain = false
    while true {
      let reason: String
      do {
        let session = try connection ?? PostgreSQLSession.begin(place, for: .files)
        connection = session
        session.forgetWarning()
        let value = try body(session, isAgain)
        // Such a warning says that the wait for the standby was cancelled.
        guard session.warning != "01000" else {
          throw PostgreSQLError(
            message: "the standby did not confirm", operation: "write", isLost: true)
        }
        return .success(value)
      } catch let fault as SharedFileFault {
        return .failure(fault)
      } catch let fault as PostgreSQLSessionFault {
        reason = "\(fault)"
        if case .refused = fault { return .failure(.unavailable(reason)) }
      } catch {
        reason = "\(error)"
        let kind = (error as? PostgreSQLError)?.kind ?? .other
        let isLost = kind == .lost || kind == .readOnly || connection?.isUsable != true
        guard isLost else { return .failure(.unavailable(reason)) }
        (connection, isAgain) = (nil, true)
      }
      guard ContinuousClock.now < deadline else { return .failure(.unavailable(reason)) }
      usleep(pauseMicroseconds)
    }
  }
}

#endif
