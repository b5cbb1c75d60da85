// The connection between the worker and the first process of a sandbox.
//
// It is a unix socket for one connection. It carries the listeners that were created in the
// sandbox's network, and whether the agent's program was started. So a sandbox that could not be
// set up, a program that could not be started, and an agent that failed are distinguished by what
// happened, not by output.

import CProcess
import Glibc
import Processes
import Synchronization
import SystemCalls

final class LaunchSocket: Sendable {
  enum Start: Equatable, Sendable {
    case started
    /// It could not be started (errno).
    case failed(Int32)
    /// The sandbox was not set up completely.
    case unknown
  }

  /// The path outside the sandbox.
  let path: String
  private let name: String
  private let folder: OpenFile
  private let listener: Int32

  private static let number = Atomic<Int>(0)
  /// From the start of bubblewrap to the start of the program.
  private static let timeoutMs: Int32 = 20_000

  /// - Parameter folder: an absolute path. The socket's path may be longer than an address allows.
  /// - Throws: `FileFault`.
  init(in folder: String) throws(FileFault) {
    self.folder = try OpenFile(folder, O_RDONLY | O_DIRECTORY)
    name = "launch-\(Self.number.add(1, ordering: .relaxed).newValue)"
    path = "\(folder)/\(name)"
    listener = cprocess_launch_open(self.folder.descriptor, name)
    guard listener >= 0 else { throw .last("socket", path) }
  }

  deinit {
    _ = Glibc.close(listener)
    unlinkat(folder.descriptor, name, 0)
  }

  /// Waits for the first process, passes its listeners to `serve`, lets it continue if that
  /// succeeded, and waits until the program was started. Ended by `close`, or by a time-out.
  /// - Parameter group: gets the first process before it continues, and so all child processes.
  func attend(
    in group: ControlGroup? = nil, _ serve: @Sendable ([Int32]) async -> Bool
  ) async -> Start {
    let launch = await onOwnThread { [self] in
      withExtendedLifetime(self) { Self.accept(listener) }
    }
    // Later connections come from the agent: the socket's path stays visible inside.
    close()
    guard let launch else { return .unknown }
    defer { _ = Glibc.close(launch.connection) }
    guard await serve(launch.listeners) else { return .unknown }
    if let group {
      let process = cprocess_launch_peer(launch.connection)
      guard process > 0, (try? group.add(process)) != nil else { return .unknown }
    }
    return await onOwnThread { Self.start(launch.connection) }
  }

  /// Runs a program that connects to this socket by `run`, and attends to the socket.
  /// - Returns: the result of `run`, and whether the program itself was started.
  func attended<Value: Sendable>(
    in group: ControlGroup? = nil, by run: @Sendable () async throws(ProcessFault) -> Value,
    serve: @Sendable ([Int32]) async -> Bool
  ) async throws(ProcessFault) -> (value: Value, start: Start) {
    async let start = attend(in: group, serve)
    let value: Value
    do throws(ProcessFault) { value = try await run() } catch {
      close()
      _ = await start
      throw error
    }
    close()
    return (value, await start)
  }

  private struct Accepted: Sendable {
    let connection: Int32
    let listeners: [Int32]
  }

  private static func accept(_ listener: Int32) -> Accepted? {
    let connection = cprocess_launch_accept(listener, timeoutMs)
    guard connection >= 0 else { return nil }
    var listeners = [Int32](repeating: -1, count: Int(CPROCESS_LISTENERS_MAX))
    let count = cprocess_launch_receive(connection, timeoutMs, &listeners)
    guard count >= 0 else {
      _ = Glibc.close(connection)
      return nil
    }
    return Accepted(connection: connection, listeners: Array(listeners.prefix(Int(count))))
  }

  private static func start(_ connection: Int32) -> Start {
    guard cprocess_launch_admit(connection) == 0 else { return .unknown }
    switch cprocess_launch_await_start(connection, timeoutMs) {
    case 0: return .started
    case let number where number > 0: return .failed(number)
    case _: return .unknown
    }
  }

  /// Accepts no more connections. Wakes a waiting thread, which closing the descriptor would not.
  func close() { shutdown(listener, Int32(SHUT_RDWR)) }
}
