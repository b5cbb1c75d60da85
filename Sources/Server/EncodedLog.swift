import EventLog
import NIOCore
import Processes
import Synchronization
import SystemCalls
import Text

/// What follows a position of the log, read and encoded once for all event streams that ask for it.
///
/// Streams that have caught up all stand at the same position: a commit is read once, however many
/// there are, and they send the same bytes. What waits for a slow client is those bytes, and they
/// are shared too. Pieces are kept for a second; one that lags behind reads its own.
final class EncodedLog: Sendable {
  /// Whole events, ready to be sent.
  struct Piece: Sendable {
    let bytes: ByteBuffer
    /// The position of the last event in it.
    let end: Int64
  }

  /// Reads events after a position, at most so many.
  typealias Reading = @Sendable (_ after: Int64, _ limit: Int) async throws -> [StoredEvent]
  private typealias Work = Task<Piece?, any Error>

  private struct Entry {
    let work: Work
    let since: ContinuousClock.Instant
    /// Tells one entry from a later one for the same position.
    let number: Int
  }

  private struct State {
    var entries: [Int64: Entry] = [:]
    var number = 0
  }

  private static let eventsMax = 64
  private static let bytesMax = 64 << 10
  private static let entriesMax = 32

  private let lifetime: Duration
  private let read: Reading
  /// Others' reads of the store come in between, however many streams there are.
  private let slots = AsyncSemaphore(2)
  private let state = Mutex(State())

  /// - Parameter lifetime: how long a piece is kept.
  init(lifetime: Duration = .seconds(1), _ read: @escaping Reading) {
    self.lifetime = lifetime
    self.read = read
  }

  /// Some of the events after a position.
  /// - Returns: nil if the log ended there when this was called.
  func piece(after position: Int64) async throws -> Piece? {
    let (first, isOwn) = work(after: position)
    let piece = try await first.value
    if isOwn || piece != nil { return piece }
    // What another one began to read before may have missed what was committed since. It is
    // forgotten by now, so this one begins later.
    return try await work(after: position).work.value
  }

  /// Forgets what was encoded: words were taken out of the log.
  func clear() { state.withLock { $0.entries = [:] } }

  private func work(after position: Int64) -> (work: Work, isOwn: Bool) {
    let now = ContinuousClock.now
    return state.withLock { state in
      if let known = state.entries[position], now - known.since < lifetime {
        return (known.work, false)
      }
      if state.entries.count >= Self.entriesMax {
        state.entries = state.entries.filter { now - $0.value.since < lifetime }
        if state.entries.count >= Self.entriesMax { state.entries = [:] }
      }
      state.number += 1
      let number = state.number
      // Not a child of the caller's: others wait for it when that client has gone.
      let work = Work { [self] in
        do {
          let piece = try await encoded(after: position)
          if piece == nil { forget(position, number) }
          return piece
        } catch {
          forget(position, number)
          throw error
        }
      }
      state.entries[position] = Entry(work: work, since: now, number: number)
      return (work, true)
    }
  }

  private func forget(_ position: Int64, _ number: Int) {
    state.withLock { state in
      if state.entries[position]?.number == number { state.entries[position] = nil }
    }
  }

  private func encoded(after position: Int64) async throws -> Piece? {
    let batch = try await slots.withPermit { try await read(position, Self.eventsMax) }
    var (bytes, end) = (ByteBuffer(), position)
    for event in batch where bytes.readableBytes < Self.bytesMax {
      let envelope = event.json
      EventWriter.append(
        id: String(event.position), type: envelope["type"].stringValue ?? "",
        line: envelope.canonicalText, to: &bytes)
      end = event.position
    }
    return batch.isEmpty ? nil : Piece(bytes: bytes, end: end)
  }
}
