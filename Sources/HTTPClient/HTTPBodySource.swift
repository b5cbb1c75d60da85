import Synchronization

/// A body that is written while it is sent. One writer; bytes that are written beyond a mark wait
/// in memory, and the writer is told to stop.
package final class HTTPBodySource: Sendable {
  private static let mark = 256 << 10

  private struct State {
    var chunks: [ArraySlice<UInt8>] = []
    var bufferedBytes = 0
    var isEnded = false
    var isAborted = false
    /// The client wants bytes and there are none.
    var isStarved = false
    /// The writer was told to stop.
    var isFull = false
    var wake: (@Sendable () -> Void)?
  }

  /// In bytes; nil if it is not known before the end.
  package let length: Int?
  private let onRoom: @Sendable () -> Void
  private let state = Mutex(State())

  /// - Parameters:
  ///   - length: in bytes; the request fails if another count is written.
  ///   - onRoom: called when a writer that was told to stop can go on; on the client's thread.
  package init(length: Int?, onRoom: @escaping @Sendable () -> Void) {
    self.length = length
    self.onRoom = onRoom
  }

  /// Adds bytes. Those of a request that has ended are dropped.
  /// - Returns: false if the writer should wait for `onRoom`.
  package func write(_ bytes: [UInt8]) -> Bool {
    let (hasRoom, wake) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
      guard !state.isAborted, !bytes.isEmpty else { return (true, nil) }
      state.chunks.append(bytes[...])
      state.bufferedBytes += bytes.count
      state.isFull = state.bufferedBytes >= Self.mark
      return (!state.isFull, Self.takeWake(&state))
    }
    wake?()
    return hasRoom
  }

  /// The body is complete.
  package func end() {
    let wake = state.withLock { state in
      state.isEnded = true
      return Self.takeWake(&state)
    }
    wake?()
  }

  /// The body will never be complete; the request fails.
  package func abort() {
    let wake = state.withLock { state in
      state.isAborted = true
      state.chunks = []
      return Self.takeWake(&state)
    }
    wake?()
  }

  private static func takeWake(_ state: inout State) -> (@Sendable () -> Void)? {
    defer { state.isStarved = false }
    return state.isStarved ? state.wake : nil
  }

  // For the thread.

  enum Supply: Equatable {
    case bytes(Int)
    case end
    /// There will be more; `wake` is called then.
    case later
    case aborted
  }

  func attach(wake: @escaping @Sendable () -> Void) {
    state.withLock { $0.wake = wake }
  }

  /// Moves bytes into a buffer.
  func supply(_ buffer: UnsafeMutableRawBufferPointer) -> Supply {
    let (supply, isRoomNew) = state.withLock { state -> (Supply, Bool) in
      if state.isAborted { return (.aborted, false) }
      guard var chunk = state.chunks.first else {
        if state.isEnded { return (.end, false) }
        state.isStarved = true
        return (.later, false)
      }
      let part = chunk.prefix(buffer.count)
      buffer.copyBytes(from: part)
      chunk = chunk.dropFirst(part.count)
      if chunk.isEmpty { state.chunks.removeFirst() } else { state.chunks[0] = chunk }
      state.bufferedBytes -= part.count
      let isRoomNew = state.isFull && state.bufferedBytes < Self.mark / 2
      if isRoomNew { state.isFull = false }
      return (.bytes(part.count), isRoomNew)
    }
    if isRoomNew { onRoom() }
    return supply
  }
}
