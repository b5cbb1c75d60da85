// Disk, memory and processes of an agent, watched while it runs.
//
// Neither bubblewrap nor a limit of the kernel holds them: RLIMIT_FSIZE is for one file,
// RLIMIT_DATA for one process, RLIMIT_NPROC counts all processes of a user, quotas and control
// groups need rights that a worker has not. So they are looked at. One file alone the kernel stops
// at once; what an agent can do beyond its limits between two looks is bounded by how fast the disk
// is.
//
// Looking is kept cheap: the file system's own count of what is used costs microseconds, and only
// where that has grown by half of what is left is the tree measured, with du, which is made for
// trees that somebody else is changing. What is held open (`HeldFiles`) is looked at once a second,
// and takes at most a twentieth of the time.
//
// An agent that has ended is looked at once more: what it made since the last look is its own.

import Glibc
import Processes
import Synchronization

struct ResourceWatch: Sendable {
  /// The attempt's folder.
  let folder: String
  let diskBytesMax: Int?
  let processesMax: Int?
  var memoryBytesMax: Int?
  /// Whether the processes are in a sandbox.
  var isSandboxed = false

  /// Files and folders of an attempt with its checkout, which has at most `Workspace.entriesMax`.
  var entriesMax = Self.entriesMax
  static let entriesMax = 2_000_000
  /// Between two looks.
  static let interval = Duration.milliseconds(250)
  /// A tree is measured at least so often, whatever the file system says of itself.
  private static let looksBetweenMeasures = 40
  /// And its entries are counted so often.
  private static let looksBetweenCounts = 160

  /// Looks until something is over its limit, or the task is cancelled.
  /// - Parameter process: the agent's, once it runs.
  /// - Returns: what is over its limit; nil where it was cancelled.
  func run(process: @Sendable () -> Int32?) async -> String? {
    guard diskBytesMax != nil || processesMax != nil || memoryBytesMax != nil else {
      return nil
    }
    var held = HeldLook(self)
    var disk = DiskLook(self)
    // The kernel tells nobody that a tree or a set of processes grew.
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

  /// What a file system says is used.
  struct Filled: Equatable, Sendable {
    var bytes = 0
    /// 0 where the file system does not count them.
    var entries = 0
  }

  var filled: Filled {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else { return Filled() }
    return Filled(
      bytes: Int(facts.f_blocks - facts.f_bfree) * Int(facts.f_frsize),
      entries: Int(facts.f_files - facts.f_ffree))
  }

  /// What is over the limit of disk now; nil where nothing is. Measured only where the file system
  /// has grown by so much since `before` that it may be.
  func excess(since before: Filled) async -> String? {
    guard let diskBytesMax, filled.bytes - before.bytes >= diskBytesMax / 2,
      let size = await DiskUse.bytes(of: folder), size > diskBytesMax
    else { return nil }
    return Self.words(size, diskBytesMax)
  }

  /// What is over the limit of disk at the end; nil where nothing is. The file system is not
  /// asked: what others remove hides what an agent made.
  func finalExcess() async -> String? {
    guard let diskBytesMax, !Task.isCancelled else { return nil }
    guard let size = await DiskUse.bytes(of: folder) else {
      return Task.isCancelled ? nil : Self.unmeasured
    }
    return size > diskBytesMax ? Self.words(size, diskBytesMax) : nil
  }

  fileprivate static let unmeasured = "the files that the agent made are too many to be measured"

  fileprivate static func words(_ size: Int, _ room: Int) -> String {
    "the attempt's files take \(size >> 20) MiB of disk, more than \(room >> 20) MiB"
  }

  fileprivate var availableBytes: Int? {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else { return nil }
    return Int(facts.f_bavail) * Int(facts.f_frsize)
  }

  /// Looks at the disk, one after the other.
  private struct DiskLook {
    let watch: ResourceWatch
    /// What may be taken; nil: no limit.
    let room: Int?
    var measured = Filled()
    var then: Filled
    var looks = 0
    var looksSinceCount = 0

    init(_ watch: ResourceWatch) {
      self.watch = watch
      room = watch.diskBytesMax.map { min($0, watch.availableBytes.map { $0 / 10 * 9 } ?? $0) }
      then = watch.filled
    }

    /// - Parameter heldBytes: of files that no name leads to.
    mutating func look(heldBytes: Int) async -> String? {
      guard let room else { return nil }
      looks += 1
      looksSinceCount += 1
      let now = watch.filled
      // What others remove hides what the agent makes.
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
        now.bytes - then.bytes >= (room - measured.bytes) / 2
        || looks >= ResourceWatch.looksBetweenMeasures || measured.bytes + heldBytes > room
      guard mayBeOver else { return nil }
      guard let size = await DiskUse.bytes(of: watch.folder) else { return unmeasured }
      (measured.bytes, then.bytes, looks) = (size, now.bytes, 0)
      return size + heldBytes > room ? ResourceWatch.words(size + heldBytes, room) : nil
    }

    private var unmeasured: String? { Task.isCancelled ? nil : ResourceWatch.unmeasured }
  }

  // MARK: What is held open

  /// Looks at open files and shared memory, one after the other.
  private struct HeldLook {
    let watch: ResourceWatch
    var found = HeldFiles()
    private var next = ContinuousClock.now
    private var hidden = 0

    private static let interval = Duration.seconds(1)
    /// Of the time that a look takes, for the next one to come.
    private static let rest = 20
    /// A process that has just begun, or is about to end, is closed for a moment.
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
      // Outside of a sandbox there are programs that are closed to their own user, such as sudo.
      hidden = found.isHidden && watch.isSandboxed ? hidden + 1 : 0
      guard hidden >= Self.hiddenMax else { return nil }
      return """
        a program of the agent does not let its open files be looked at; a program that may be run \
        and not read does so
        """
    }
  }
}
