// Folders of ended attempts, until they are removed.
//
// An agent can leave a million folders, and removing them takes minutes. So nothing is removed
// while a caller waits: it is renamed into the bin, which is one system call, and the bin is
// emptied in the background, one entry at a time, with a lower priority. What is left in the bin
// when a worker ends is removed after its next start.
//
// Guarantees: a path is free as soon as `take` returns. The bin is bounded: no attempt is prepared
// while it is too full (`awaitRoom`).

import FoundationEssentials
import Glibc
import Logging
import Processes
import SystemCalls

actor TrashBin {
  /// On the same file system as the attempts.
  nonisolated let folder: String
  private var emptying: Task<Void, Never>?
  private var isClosed = false
  private var waiting: [UInt64: AsyncStream<Void>.Continuation] = [:]

  /// The maximum number of entries while an attempt is prepared.
  static let countMax = 16
  static let waitMax = Duration.seconds(300)

  init(_ folder: String) { self.folder = folder }

  // MARK: Moving into the bin

  /// Takes files and folders; missing paths are ignored.
  /// - Throws: `FileFault` if something can be neither moved nor removed.
  nonisolated func take(_ paths: [String]) async throws {
    let existing = paths.filter(DurableFile.exists)
    guard !existing.isEmpty else { return }
    try DurableFile.makeFolder(folder)
    for path in existing where !move(path) {
      // On another file system, or owned by another user.
      guard await Self.remove(path), !DurableFile.exists(path) else {
        throw FileFault.last("rm", path)
      }
    }
    await empty()
  }

  private nonisolated func move(_ path: String) -> Bool {
    // An agent can make its folders unwritable, and such a folder cannot be moved.
    try? TreeRoot(path: path).makeAccessible()
    let name = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    return rename(path, "\(folder)/\(name)") == 0 || errno == ENOENT
  }

  // MARK: Emptying

  /// Starts removing the content, if it is not being removed.
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
    // Those that still wait do so for folders that cannot be removed.
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
      "nice", ["-n", "10", program] + arguments, timeout: .seconds(3600), outputLimit: 4096,
      diesWithParent: AgentProcess.canDieWithParent)
    // It can be interrupted without loss.
    command.grace = .zero
    return (try? await command.run())?.succeeded ?? false
  }

  /// Stops the current removal, and starts no more.
  func close() async {
    isClosed = true
    emptying?.cancel()
    await emptying?.value
  }

  /// Waits until all removable entries are removed.
  func emptied() async { await emptying?.value }

  // MARK: Waiting

  /// Waits while the bin takes so much space that the next attempt could not use its own.
  /// - Parameter bytes: the disk space that the attempt may use.
  /// - Throws: `CheckoutFault` if that takes too long.
  func awaitRoom(bytes: Int, logger: Logger?, within limit: Duration = waitMax) async throws {
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
    throw CheckoutFault(message: "checkout: \(crowd)")
  }

  /// Why no attempt can be prepared now; nil if one can.
  private func crowd(_ bytes: Int) -> String? {
    let count = names.count
    guard count > 0 else { return nil }
    let cause = "what earlier attempts left is still being removed from \(folder)"
    if count > Self.countMax { return "\(cause), where \(count) folders lie" }
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else { return nil }
    let available = Int(facts.f_bavail) * Int(facts.f_frsize)
    // An attempt may use nine tenths of the available space, see `ResourceWatch`.
    if available / 10 * 9 < bytes {
      return "\(cause), and the disk has only \(available >> 20) MiB left"
    }
    if facts.f_files > 0, facts.f_favail < facts.f_files / 20 {
      return "\(cause), and the disk has room for only \(facts.f_favail) files"
    }
    return nil
  }
}
