// JSON-RPC 2.0 over lines (https://www.jsonrpc.org/specification): requests and notifications in
// both directions, with separate ids for each side.
//
// Guarantees: every request gets a response, at the latest when the connection is closed; memory is
// bounded, whatever the other side sends or does not read.

import Processes
import Synchronization
import Text

/// Why a request has no result.
enum RPCFault: Error, Equatable, Sendable {
  /// The other side refused it.
  case refused(code: Int, message: String)
  /// The connection is closed, with the reason.
  case closed(String)
  case timedOut(Duration)
}

/// One side of a connection.
final class RPCPeer: Sendable {
  /// A longer line ends the connection.
  static let lineBytesMax = 4 << 20
  /// The limit of bytes that the other side has not read.
  static let queuedBytesMax = 16 << 20
  /// The limit of lines that are not messages.
  static let strangeLinesMax = 100

  /// Codes of the specification and of the Agent Client Protocol.
  enum Code {
    static let parseError = -32700
    static let invalidParameters = -32602
    static let methodNotFound = -32601
    static let internalError = -32603
    static let authenticationRequired = -32000
    static let notFound = -32002
  }

  typealias Outcome = Result<JSONValue, RPCFault>

  /// For messages of the other side.
  struct Handlers: Sendable {
    var request: @Sendable (_ method: String, _ parameters: JSONValue) async -> Outcome
    var notification: @Sendable (_ method: String, _ parameters: JSONValue) async -> Void
    /// A line that is not a message.
    var strange: @Sendable (_ line: [UInt8]) async -> Void
  }

  private struct State {
    var pending: [Int: CheckedContinuation<Outcome, Never>] = [:]
    var lastID = 0
    var queuedBytes = 0
    var strangeLines = 0
    var closed: String?
  }

  private let state = Mutex(State())
  private let queue: AsyncStream<[UInt8]>
  private let queued: AsyncStream<[UInt8]>.Continuation
  private let handlers: Handlers

  init(_ handlers: Handlers) {
    self.handlers = handlers
    (queue, queued) = AsyncStream.makeStream(of: [UInt8].self)
  }

  /// Why it is closed; nil while it is open.
  var closed: String? { state.withLock { $0.closed } }

  // MARK: Sending

  /// Sends a request, and waits for its response or for the end of the connection.
  /// - Parameter limit: closes the connection if there is no response in time, because a late
  ///   response could be mistaken for that of the next request.
  func request(
    _ method: String, _ parameters: JSONValue, within limit: Duration? = nil
  ) async -> Outcome {
    let timer = limit.map { limit in
      Task {
        try await Task.sleep(for: limit)
        close("it did not answer \(method) within \(limit.components.seconds) s")
      }
    }
    defer { timer?.cancel() }
    return await withCheckedContinuation { continuation in
      let id = state.withLock { state -> Int? in
        guard state.closed == nil else { return nil }
        state.lastID += 1
        state.pending[state.lastID] = continuation
        return state.lastID
      }
      guard let id else {
        continuation.resume(returning: .failure(.closed(closed ?? "")))
        return
      }
      send([
        "id": JSONValue(id), "method": .string(method), "params": parameters,
      ])
    }
  }

  func notify(_ method: String, _ parameters: JSONValue) {
    send(["method": .string(method), "params": parameters])
  }

  private func send(_ message: [String: JSONValue]) {
    let line =
      JSONValue.object(message.merging(["jsonrpc": "2.0"]) { a, _ in a }).canonical + [0x0a]
    let isTooMuch = state.withLock { state in
      state.queuedBytes += line.count
      return state.queuedBytes > Self.queuedBytesMax
    }
    if isTooMuch { return close("it does not read its input") }
    queued.yield(line)
  }

  // MARK: Receiving

  /// Transfers messages until the other side closes its output, or `close` is called. The caller,
  /// who knows the reason of the end, then closes the connection.
  func carry(_ input: ProcessInput, _ output: ProcessOutput) async throws {
    let writing = Task {
      for await line in queue {
        guard await input.write(line) else { break }
        state.withLock { $0.queuedBytes -= line.count }
      }
    }
    defer { writing.cancel() }
    var lines = LineBuffer(limit: Self.lineBytesMax)
    for try await chunk in output {
      var whole: [[UInt8]] = []
      lines.take(chunk) { whole.append(Array($0)) }
      for line in whole { await take(line) }
      if lines.hasOverflowed {
        close("it sent a line of more than \(Self.lineBytesMax >> 20) MiB")
      }
      if closed != nil { return }
    }
  }

  /// Ends the connection; pending requests fail.
  func close(_ reason: String) {
    let pending = state.withLock { state -> [CheckedContinuation<Outcome, Never>] in
      guard state.closed == nil else { return [] }
      state.closed = reason
      defer { state.pending = [:] }
      return Array(state.pending.values)
    }
    for one in pending { one.resume(returning: .failure(.closed(reason))) }
    queued.finish()
  }

  /// Processes a line of the other side. Its requests are answered one after another, so a side
  /// that does not read the responses is not read any further.
  func take(_ line: [UInt8]) async {
    guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) else { return }
    guard let message = try? JSONValue(parsing: line), let members = message.objectValue else {
      await takeStrange(line)
      return
    }
    let id = message["id"]
    guard let method = message["method"].stringValue else {
      takeAnswer(id, message)
      return
    }
    let parameters = members["params"] ?? .object([:])
    guard members["id"] != nil else {
      await handlers.notification(method, parameters)
      return
    }
    switch await handlers.request(method, parameters) {
    case .success(let result): send(["id": id, "result": result])
    case .failure(.refused(let code, let text)): answer(id, code, text)
    case .failure(let fault): answer(id, Code.internalError, "\(fault)")
    }
  }

  private func answer(_ id: JSONValue, _ code: Int, _ text: String) {
    send(["id": id, "error": .object(["code": JSONValue(code), "message": .string(text)])])
  }

  private func takeAnswer(_ id: JSONValue, _ message: JSONValue) {
    // Unexpected and repeated responses are ignored.
    guard let number = id.integerValue,
      let waiting = state.withLock({ $0.pending.removeValue(forKey: Int(number)) })
    else { return }
    let error = message["error"]
    if error != .null {
      let text = error["message"].stringValue ?? "no message"
      waiting.resume(
        returning: .failure(.refused(code: Int(error["code"].integerValue ?? 0), message: text)))
    } else {
      waiting.resume(returning: .success(message["result"]))
    }
  }

  private func takeStrange(_ line: [UInt8]) async {
    await handlers.strange(line)
    answer(.null, Code.parseError, "this is not a JSON object")
    let count = state.withLock { state in
      state.strangeLines += 1
      return state.strangeLines
    }
    if count > Self.strangeLinesMax { close("it sends lines that are not JSON-RPC") }
  }
}
