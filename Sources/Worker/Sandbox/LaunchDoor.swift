// The way between the worker and the first process of one sandbox.
//
// It is a unix socket that takes one connection. Through it come the listeners that were made in
// the sandbox's network, and the news whether the agent's program was started: so a sandbox that
// could not be built, a program that could not be run and an agent that failed are three things
// that are told apart by what happened, not by what was printed.

import CProcess
import Glibc
import Processes
import Synchronization
import SystemCalls

final class LaunchDoor: Sendable {
  /// How a launch went.
  enum Start: Equatable, Sendable {
    /// The program runs, or ran.
    case started
    /// It could not be run, by an error of the system (errno).
    case failed(Int32)
    /// The sandbox was not finished.
    case unknown
  }

  /// Of the socket, outside.
  let path: String
  private let name: String
  private let folder: Int32
  private let door: Int32

  private static let number = Atomic<Int>(0)
  /// From the start of bubblewrap to the program's.
  private static let patienceMs: Int32 = 20_000

  /// - Parameter folder: an absolute path; the socket's own path may be longer than a socket's
  /// name.
  /// - Throws: `FileFault`.
  init(in folder: String) throws(FileFault) {
    let opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw .last("open", folder) }
    let number = Self.number.add(1, ordering: .relaxed).newValue
    let name = "door-\(number)"
    let door = cprocess_door_open(opened, name)
    guard door >= 0 else {
      let fault = FileFault.last("socket", "\(folder)/\(name)")
      _ = Glibc.close(opened)
      throw fault
    }
    self.folder = opened
    self.name = name
    path = "\(folder)/\(name)"
    self.door = door
  }

  deinit {
    _ = Glibc.close(door)
    unlinkat(folder, name, 0)
    _ = Glibc.close(folder)
  }

  /// Waits for the first process inside, gives its listeners to `serve`, lets it go on if that
  /// went well, and waits until the program was started. Ends by `close`, or by its own limit.
  /// - Parameter group: takes the first process in before it goes on, and so all that it starts.
  func attend(
    in group: ControlGroup? = nil, _ serve: @Sendable ([Int32]) async -> Bool
  ) async -> Start {
    let visit = await onOwnThread { [self] in withExtendedLifetime(self) { Self.visit(door) } }
    // Whoever comes next is none of ours: the door's path stays there inside.
    close()
    guard let visit else { return .unknown }
    defer { _ = Glibc.close(visit.connection) }
    guard await serve(visit.listeners) else { return .unknown }
    if let group {
      let process = cprocess_door_peer(visit.connection)
      guard process > 0, (try? group.take(process)) != nil else { return .unknown }
    }
    return await onOwnThread { Self.start(visit.connection) }
  }

  /// Runs what comes through this door by `run`, and attends to the door meanwhile.
  /// - Returns: what `run` returned, and whether the program itself was started.
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

  private struct Visit: Sendable {
    let connection: Int32
    let listeners: [Int32]
  }

  private static func visit(_ door: Int32) -> Visit? {
    let connection = cprocess_door_accept(door, patienceMs)
    guard connection >= 0 else { return nil }
    var listeners = [Int32](repeating: -1, count: Int(CPROCESS_LISTENERS_MAX))
    let count = cprocess_door_receive(connection, patienceMs, &listeners)
    guard count >= 0 else {
      _ = Glibc.close(connection)
      return nil
    }
    return Visit(connection: connection, listeners: Array(listeners.prefix(Int(count))))
  }

  private static func start(_ connection: Int32) -> Start {
    guard cprocess_door_admit(connection) == 0 else { return .unknown }
    switch cprocess_door_await_start(connection, patienceMs) {
    case 0: return .started
    case let number where number > 0: return .failed(number)
    case _: return .unknown
    }
  }

  /// Nobody is to come any more; whoever waits is woken, which closing a descriptor would not do.
  func close() { shutdown(door, Int32(SHUT_RDWR)) }
}
