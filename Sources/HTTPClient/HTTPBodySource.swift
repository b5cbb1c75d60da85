import Synchronization

/// A request body that is written while it is sent, by one writer. Above a limit of buffered bytes
/// the writer is asked to pause.
package final class HTTPBodySource: Sendable {
  private static let bufferedMax = 256 << 10

  private struct State {
    var chunks: [ArraySlice<UInt8>] = []
    var bufferedBytes = 0
    var isEnded = false
    var isAborted = false
    /// The client waits for bytes.
    var isStarved = false
    /// The writer was asked to pause.
    var isFull = false
    var wake: (@Sendable () -> Void)?
  }

  /// In bytes; nil if it is not known in advance.
  package let length: Int?
  private let onRoom: @Sendable () -> Void
  private let state = Mutex(State())

  /// - Parameters:
  ///   - length: in bytes; the request fails if the body has another length.
  ///   - onRoom: called on the client's thread when a paused writer can continue.
  package init(length: Int?, onRoom: @escaping @Sendable () -> Void) {
    self.length = length
    self.onRoom = onRoom
  }

  /// Appends bytes. They are dropped if the request has ended.
  /// - Returns: false if the writer should wait for `onRoom`.
  package func write(_ bytes: [UInt8]) -> Bool {
    let (hasRoom, wake) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
      guard !state.isAborted, !bytes.isEmpty else { return (true, nil) }
      state.chunks.append(bytes[...])
      state.bufferedBytes += bytes.count
      state.isFull = state.bufferedBytes >= Self.bufferedMax
      return (!state.isFull, Self.takeWake(&state))
    }
    wake?()
    return hasRoom
  }

  /// Completes the body.
  package func end() {
    let wake = state.withLock { state in
      state.isEnded = true
      return Self.takeWake(&state)
    }
    wake?()
  }

  /// Aborts the body; the request fails.
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

  // MARK: For the client's thread

  enum Supply: Equatable {
    case bytes(Int)
    case end
    /// Nothing yet; `wake` is called when there are bytes.
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
      let isRoomNew = state.isFull && state.bufferedBytes < Self.bufferedMax / 2
      if isRoomNew { state.isFull = false }
      return (.bytes(part.count), isRoomNew)
    }
    if isRoomNew { onRoom() }
    return supply
  }
}
