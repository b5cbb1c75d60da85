import CCurl
import Synchronization

/// The receiver of a transfer's outcome.
enum Sink: Sendable {
  case whole(CheckedContinuation<Result<HTTPResponse, HTTPFault>, Never>)
  case stream(StreamChannel)

  func fail(_ fault: HTTPFault) {
    switch self {
    case .whole(let continuation): continuation.resume(returning: .failure(fault))
    case .stream(let channel): channel.end(fault)
    }
  }
}

struct TransferRequest: Sendable {
  let id: UInt64
  let request: HTTPRequest
  let sink: Sink
  /// When the caller submitted it: the total time-out counts from here.
  let time = ContinuousClock.now
}

/// Commands from callers to the thread.
enum TransferCommand: Sendable {
  case start(TransferRequest)
  case cancel(UInt64)
  /// The reader of a stream has room again, or the writer of a body has more bytes.
  case resume(UInt64)
}

/// The only way for callers to reach the thread that owns the handles.
final class Inbox: Sendable {
  private struct State {
    var commands: [TransferCommand] = []
    /// Transfers that were accepted and have not ended.
    var open = 0
    /// The multi handle's address while the thread runs, for `curl_multi_wakeup`, the only call
    /// that libcurl allows from any thread. An integer, because a pointer that the thread uses
    /// cannot be passed in here.
    var multi: UInt = 0
    var isShutDown = false

    func wake() {
      if let handle = UnsafeMutableRawPointer(bitPattern: multi) {
        // It fails only for an invalid handle, and then the thread has ended.
        _ = curl_multi_wakeup(handle)
      }
    }
  }

  private let maxTransfers: Int
  private let state = Mutex(State())

  init(maxTransfers: Int) { self.maxTransfers = maxTransfers }

  /// Accepts a transfer, or fails it at once.
  func submit(_ submission: TransferRequest) {
    let fault: HTTPFault? = state.withLock { state in
      if state.isShutDown { return Self.shutDownFault }
      if state.open >= maxTransfers {
        return .unsent(
          .overloaded, "\(maxTransfers) HTTP requests are in progress already")
      }
      state.open += 1
      state.commands.append(.start(submission))
      state.wake()
      return nil
    }
    if let fault { submission.sink.fail(fault) }
  }

  func post(_ command: TransferCommand) {
    state.withLock { state in
      guard !state.isShutDown else { return }
      state.commands.append(command)
      state.wake()
    }
  }

  func shutDown() {
    state.withLock { state in
      state.isShutDown = true
      state.wake()
    }
  }

  // MARK: For the client's thread

  /// Lets `wake` reach the thread from now on; 0 when it ends.
  func attach(multi: UInt) {
    state.withLock { $0.multi = multi }
  }

  /// The commands since the last call, and whether the thread must end.
  func take() -> (commands: [TransferCommand], isShutDown: Bool) {
    state.withLock { state in
      let commands = state.commands
      state.commands = []
      return (commands, state.isShutDown)
    }
  }

  func ended() {
    state.withLock { $0.open -= 1 }
  }

  static let shutDownFault = HTTPFault.unsent(.cancelled, "the HTTP client was shut down")
}
