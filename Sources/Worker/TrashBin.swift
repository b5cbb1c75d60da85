// What attempts left behind, out of the way of the next ones until it is removed.
//
// An agent can leave a million folders, and removing them takes minutes. So nothing is removed
// while somebody waits: it is renamed into the bin, which takes one system call, and the bin is
// emptied beside the worker's other work, one thing at a time, with a lower priority. What a worker
// leaves in the bin at its end is removed after its next start.
//
// What it promises: a path that was taken is free at once. The bin is bounded: an attempt is not
// prepared while it is crowded (`awaitRoom`).

import FoundationEssentials
import Glibc
import Logging
import Processes
import SystemCalls

actor TrashBin {
  /// On the file system of what it takes.
  nonisolated let folder: String
  private var emptying: Task<Void, Never>?
  private var isClosed = false
  private var waiting: [UInt64: AsyncStream<Void>.Continuation] = [:]

  /// So many things may lie in it while an attempt is prepared.
  static let countMax = 16
  /// How long an attempt waits for it.
  static let patience = Duration.seconds(300)

  init(_ folder: String) { self.folder = folder }

  // MARK: Taking

  /// Takes what stands at these paths, whatever it is; what is not there is gone already.
  /// - Throws: `FileFault` if something can be neither moved nor removed.
  nonisolated func take(_ paths: [String]) async throws {
    let standing = paths.filter(DurableFile.exists)
    guard !standing.isEmpty else { return }
    try DurableFile.makeFolder(folder)
    for path in standing where !move(path) {
      // On another file system, or of another user.
      guard await Self.remove(path), !DurableFile.exists(path) else {
        throw FileFault.last("rm", path)
      }
    }
    await empty()
  }

  private nonisolated func move(_ path: String) -> Bool {
    // An agent can take the right to write from its own folders, and such a folder cannot be moved.
    try? TreeRoot(path: path).makeAccessible()
    let name = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    return rename(path, "\(folder)/\(name)") == 0 || errno == ENOENT
  }

  // MARK: Emptying

  /// Begins to remove what lies in it, if it does not already.
  func empty() {
    guard emptying == nil, !isClosed else { return }
    emptying = Task { await self.removeAll() }
  }

  private func removeAll() async {
    var failed = Set<String>()
    while !Task.isCancelled, let name = names.first(where: { !failed.contains($0) }) {
      if await !Self.remove("\(folder)/\(name)") { failed.insert(name) }
      for one in waiting.values { one.yield() }
    }
    emptying = nil
    // Who still waits waits for what cannot be removed.
    for one in waiting.values { one.finish() }
  }

  private nonisolated var names: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }

  private static func remove(_ path: String) async -> Bool {
    if await run("rm", ["-rf", "--", path]) { return true }
    var facts = stat()
    guard !Task.isCancelled, lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
      return false
    }
    let isOpen = await run("chmod", ["-R", "u+rwX", "--", path])
    return await run("rm", ["-rf", "--", path]) && isOpen
  }

  private static func run(_ program: String, _ arguments: [String]) async -> Bool {
    var command = Command(
      "nice", ["-n", "10", program] + arguments, timeout: .seconds(3600), outputLimit: 4096)
    command.diesWithParent = AgentProcess.canDieWithParent
    // Nothing is lost where it is broken off.
    command.grace = .zero
    return (try? await command.run())?.succeeded ?? false
  }

  /// Breaks off what is under way, and begins nothing more.
  func close() async {
    isClosed = true
    emptying?.cancel()
    await emptying?.value
  }

  /// Waits until everything is removed that can be.
  func emptied() async { await emptying?.value }

  // MARK: Waiting

  /// Waits while so much lies in it that the next attempt would not have what it was promised.
  /// - Parameter bytes: what the attempt may take of the disk.
  /// - Throws: `CheckoutFault` if that takes too long.
  func awaitRoom(bytes: Int, logger: Logger?, within limit: Duration = patience) async throws {
    guard let first = crowd(bytes) else { return }
    logger?.warning("the attempt waits: \(first)")
    empty()
    let id = UInt64.random(in: 0...UInt64.max)
    let (removals, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    waiting[id] = continuation
    defer { waiting[id] = nil }
    let timer = Task {
      try await Task.sleep(for: limit)
      continuation.finish()
    }
    defer { timer.cancel() }
    for await _ in removals where crowd(bytes) == nil { return }
    guard let crowd = crowd(bytes) else { return }
    throw CheckoutFault(message: "checkout: \(crowd)", isUnreachable: false)
  }

  /// Why nothing can be prepared now; nil if it can.
  private func crowd(_ bytes: Int) -> String? {
    let count = names.count
    guard count > 0 else { return nil }
    let told = "what earlier attempts left is still being removed from \(folder)"
    if count > Self.countMax { return "\(told), where \(count) folders lie" }
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else { return nil }
    let available = Int(facts.f_bavail) * Int(facts.f_frsize)
    // An attempt may take nine tenths of what there is, see `ResourceWatch`.
    if available / 10 * 9 < bytes {
      return "\(told), and the disk has only \(available >> 20) MiB left"
    }
    if facts.f_files > 0, facts.f_favail < facts.f_files / 20 {
      return "\(told), and the disk has room for only \(facts.f_favail) files"
    }
    return nil
  }
}
