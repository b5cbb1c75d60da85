import Domain
import Synchronization

/// The recent nonces, so that none is accepted twice. Two sets alternate: each is cleared when it
/// is older than any acceptable request.
final class SeenNonces: Sendable {
  private struct State {
    var recent: Set<String> = []
    var older: Set<String> = []
    var turned = Timestamp(milliseconds: 0)
  }

  enum Verdict { case new, known, full }

  private let state = Mutex(State())
  private let countMax: Int

  /// - Parameter countMax: of one set. Only holders of a key can add to it.
  init(countMax: Int = 1_000_000) { self.countMax = countMax }

  /// - Parameter span: the longest time in which a request is acceptable.
  func take(_ nonce: String, now: Timestamp, keptFor span: Milliseconds) -> Verdict {
    state.withLock { state in
      if now - state.turned > span || now < state.turned {
        state.older = now - state.turned > Milliseconds(2 * span.count) ? [] : state.recent
        state.recent = []
        state.turned = now
      }
      guard !state.older.contains(nonce) else { return .known }
      guard state.recent.count < countMax else { return .full }
      return state.recent.insert(nonce).inserted ? .new : .known
    }
  }
}
