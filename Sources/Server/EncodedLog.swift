import EventLog
import NIOCore
import Processes
import Synchronization
import SystemCalls
import Text

/// The events after a position of the log, read and encoded once for all event streams that need
/// them.
///
/// Streams that have caught up all wait at the same position. So a commit is read once for all of
/// them, and they send the same bytes. Bytes that wait for slow clients are shared, too. Chunks are
/// kept for a second; a slower stream reads its own.
final class EncodedLog: Sendable {
  /// Encoded events.
  struct Piece: Sendable {
    let bytes: ByteBuffer
    /// The position and stream of each event, and the end of its bytes. A stream is nil if its name
    /// is invalid.
    let events: [(position: Int64, stream: StreamName?, end: Int)]
    /// The position of the last event.
    let end: Int64

    /// The bytes of the events that `isVisible` selects. The others leave an id without an event,
    /// so a client knows that it has missed nothing.
    func bytes(_ isVisible: (StreamName?) async throws -> Bool) async rethrows -> ByteBuffer {
      var visible = ByteBuffer()
      var start = bytes.readerIndex
      var hidden: Int64?
      for event in events {
        if try await isVisible(event.stream) {
          if let position = hidden { visible.writeString("id: \(position)\n\n") }
          hidden = nil
          if let part = bytes.getSlice(at: start, length: event.end - start) {
            visible.writeImmutableBuffer(part)
          }
        } else {
          hidden = event.position
        }
        start = event.end
      }
      if let position = hidden { visible.writeString("id: \(position)\n\n") }
      return visible
    }
  }

  /// Reads events after a position, up to a count.
  typealias Reading = @Sendable (_ after: Int64, _ limit: Int) async throws -> [StoredEvent]
  private typealias Work = Task<Piece?, any Error>

  private struct Entry {
    let work: Work
    let since: ContinuousClock.Instant
    /// Distinguishes this entry from a later one for the same position.
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
  /// Other reads of the store get their turn, even with many streams.
  private let slots = AsyncSemaphore(2)
  private let state = Mutex(State())

  /// - Parameter lifetime: how long a chunk is kept.
  init(lifetime: Duration = .seconds(1), _ read: @escaping Reading) {
    self.lifetime = lifetime
    self.read = read
  }

  /// Some of the events after a position.
  /// - Returns: nil if the log ended at `position` when this was called.
  func piece(after position: Int64) async throws -> Piece? {
    let (first, isOwn) = work(after: position)
    let piece = try await first.value
    if isOwn || piece != nil { return piece }
    // A read that began earlier may lack later commits. It is forgotten by now, so this starts a
    // new one.
    return try await work(after: position).work.value
  }

  /// Drops all encoded events, after a redaction.
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
      // Not a child task of the caller: others wait for it even if that client disconnects.
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
    var events: [(position: Int64, stream: StreamName?, end: Int)] = []
    for event in batch where bytes.readableBytes < Self.bytesMax {
      let envelope = event.json
      EventWriter.append(
        id: String(event.position), type: envelope["type"].stringValue ?? "",
        line: envelope.canonicalText, to: &bytes)
      events.append((event.position, event.stream.name, bytes.writerIndex))
      end = event.position
    }
    return batch.isEmpty ? nil : Piece(bytes: bytes, events: events, end: end)
  }
}
