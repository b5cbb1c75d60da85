// Watches disk space, memory and processes of an agent while it runs.
//
// Neither bubblewrap nor a kernel limit restricts them: RLIMIT_FSIZE is for one file, RLIMIT_DATA
// for one process, RLIMIT_NPROC counts all processes of a user; quotas and control groups need
// privileges that a worker does not have. So they are polled. The kernel does stop a single large
// file immediately; what else an agent can use beyond its limits between two polls is bounded by
// the speed of the disk.
//
// Polling is cheap: the file system's own usage count takes microseconds. Only when it has grown by
// half of the remaining space, the tree is measured with du, which copes with concurrent changes.
// Open files (`HeldFiles`) are checked once per second, with at most a twentieth of the time.
//
// After an agent's end, there is one more check for what it created since the last one.

import Glibc
import Processes
import Synchronization

struct ResourceWatch: Sendable {
  /// The attempt's folder.
  let folder: String
  let diskBytesMax: Int?
  let processesMax: Int?
  var memoryBytesMax: Int?
  var isSandboxed = false

  /// The maximum of files and folders of an attempt; its checkout has at most
  /// `Workspace.entriesMax`.
  var entriesMax = Self.entriesMax
  static let entriesMax = 2_000_000
  /// Between two polls.
  static let interval = Duration.milliseconds(250)
  /// A tree is measured after that many polls, whatever the file system's usage count is.
  private static let looksBetweenMeasures = 40
  /// Its entries are counted after that many polls.
  private static let looksBetweenCounts = 160

  /// Polls until a limit is exceeded or the task is cancelled.
  /// - Parameter process: the agent's, once it runs.
  /// - Returns: the exceeded limit; nil if the task was cancelled.
  func run(process: @Sendable () -> Int32?) async -> String? {
    guard diskBytesMax != nil || processesMax != nil || memoryBytesMax != nil else {
      return nil
    }
    var held = HeldLook(self)
    var disk = DiskLook(self)
    // There are no notifications for the growth of a tree or of a set of processes.
    while true {
      do { try await Task.sleep(for: Self.interval) } catch { return nil }
      if let process = process() {
        let use = ProcessTable.use(
          of: process, isSandbox: isSandboxed, countsMemory: memoryBytesMax != nil)
        if let excess = excess(of: use, held.found) { return excess }
        do {
          if let excess = try await held.look(at: use) ?? excess(of: use, held.found) {
            return excess
          }
        } catch { return nil }
      }
      if let excess = await disk.look(heldBytes: held.found.diskBytes) { return excess }
      if Task.isCancelled { return nil }
    }
  }

  private func excess(of use: ProcessTable.Use, _ held: HeldFiles) -> String? {
    if let processesMax, use.threads > processesMax {
      return
        "the agent had \(use.threads) processes and threads at once, more than \(processesMax)"
    }
    let memory = use.memoryBytes + held.memoryBytes
    if let memoryBytesMax, memory > memoryBytesMax {
      return """
        the agent had \(memory >> 20) MiB of memory, more than \(memoryBytesMax >> 20) MiB
        """
    }
    return nil
  }

  // MARK: The disk

  struct Filled: Equatable, Sendable {
    var bytes = 0
    /// 0 if the file system does not count them.
    var entries = 0
  }

  var filled: Filled {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else { return Filled() }
    return Filled(
      bytes: Int(facts.f_blocks - facts.f_bfree) * Int(facts.f_frsize),
      entries: Int(facts.f_files - facts.f_ffree))
  }

  /// The exceeded limit of disk space; nil if it is not exceeded. Measured only if the file system
  /// has grown so much since `before` that it could be.
  func excess(since before: Filled) async -> String? {
    guard let diskBytesMax, filled.bytes - before.bytes >= diskBytesMax / 2,
      let size = await DiskUse.bytes(of: folder), size > diskBytesMax
    else { return nil }
    return Self.message(size, diskBytesMax)
  }

  /// The exceeded limit of disk space at the end; nil if it is not exceeded. Always measured,
  /// because files that others removed hide the growth of the file system.
  func finalExcess() async -> String? {
    guard let diskBytesMax, !Task.isCancelled else { return nil }
    guard let size = await DiskUse.bytes(of: folder) else {
      return Task.isCancelled ? nil : Self.unmeasured
    }
    return size > diskBytesMax ? Self.message(size, diskBytesMax) : nil
  }

  fileprivate static let unmeasured = "the files that the agent made are too many to be measured"

  fileprivate static func message(_ size: Int, _ limit: Int) -> String {
    "the attempt's files take \(size >> 20) MiB of disk, more than \(limit >> 20) MiB"
  }

  fileprivate var availableBytes: Int? {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else { return nil }
    return Int(facts.f_bavail) * Int(facts.f_frsize)
  }

  private struct DiskLook {
    let watch: ResourceWatch
    /// The limit; nil for none.
    let limit: Int?
    var measured = Filled()
    var then: Filled
    var looks = 0
    var looksSinceCount = 0

    init(_ watch: ResourceWatch) {
      self.watch = watch
      limit = watch.diskBytesMax.map { min($0, watch.availableBytes.map { $0 / 10 * 9 } ?? $0) }
      then = watch.filled
    }

    /// - Parameter heldBytes: the size of open files without a name.
    mutating func look(heldBytes: Int) async -> String? {
      guard let limit else { return nil }
      looks += 1
      looksSinceCount += 1
      let now = watch.filled
      // Files that others removed hide the growth.
      then.bytes = min(then.bytes, now.bytes)
      then.entries = min(then.entries, now.entries)
      let entriesMax = watch.entriesMax
      if now.entries - then.entries >= (entriesMax - measured.entries) / 2
        || looksSinceCount >= ResourceWatch.looksBetweenCounts
      {
        guard let entries = await DiskUse.entries(of: watch.folder) else { return unmeasured }
        (measured.entries, then.entries, looksSinceCount) = (entries, now.entries, 0)
        if entries > entriesMax {
          return "the attempt has \(entries) files and folders, more than \(entriesMax)"
        }
      }
      let mayBeOver =
        now.bytes - then.bytes >= (limit - measured.bytes) / 2
        || looks >= ResourceWatch.looksBetweenMeasures || measured.bytes + heldBytes > limit
      guard mayBeOver else { return nil }
      guard let size = await DiskUse.bytes(of: watch.folder) else { return unmeasured }
      (measured.bytes, then.bytes, looks) = (size, now.bytes, 0)
      return size + heldBytes > limit ? ResourceWatch.message(size + heldBytes, limit) : nil
    }

    private var unmeasured: String? { Task.isCancelled ? nil : ResourceWatch.unmeasured }
  }

  // MARK: Open files

  /// The state of repeated checks of open files and shared memory.
  private struct HeldLook {
    let watch: ResourceWatch
    var found = HeldFiles()
    private var next = ContinuousClock.now
    private var hidden = 0

    private static let interval = Duration.seconds(1)
    /// The pause after a check, as a multiple of its duration.
    private static let rest = 20
    /// The files of a process are inaccessible for a moment when it starts or ends.
    private static let hiddenMax = 5

    init(_ watch: ResourceWatch) { self.watch = watch }

    /// - Throws: if the task was cancelled.
    mutating func look(at use: ProcessTable.Use) async throws -> String? {
      let began = ContinuousClock.now
      guard began >= next else { return nil }
      found = try await BlockingWork.run { [watch] _ in
        HeldFiles.look(
          at: use.members, folder: watch.folder, privateBytes: use.memoryBytes,
          memoryBytesMax: watch.memoryBytesMax)
      }
      let end = ContinuousClock.now
      next = max(began + Self.interval, end + (end - began) * Self.rest)
      if found.isTooMany {
        return "the agent had more than \(HeldFiles.descriptorsMax) files open at once"
      }
      // Without a sandbox, some programs are inaccessible even to their user, such as sudo.
      hidden = found.isHidden && watch.isSandboxed ? hidden + 1 : 0
      guard hidden >= Self.hiddenMax else { return nil }
      return """
        a program of the agent does not let its open files be looked at; a program that may be run \
        and not read does so
        """
    }
  }
}
