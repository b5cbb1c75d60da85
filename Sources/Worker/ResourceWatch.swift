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
// trees that somebody else is changing.

import Glibc
import Processes
import Synchronization

struct ResourceWatch: Sendable {
  /// The attempt's folder.
  let folder: String
  let diskBytesMax: Int?
  let processesMax: Int?
  var memoryBytesMax: Int?

  /// Between two looks.
  static let interval = Duration.milliseconds(250)
  /// A tree is measured at least so often, whatever the file system says of itself.
  private static let looksBetweenMeasures = 40

  /// Looks until something is over its limit, or the task is cancelled.
  /// - Parameter process: the agent's, once it runs.
  /// - Returns: what is over its limit; nil where it was cancelled.
  func run(process: @Sendable () -> Int32?) async -> String? {
    guard diskBytesMax != nil || processesMax != nil || memoryBytesMax != nil else {
      return nil
    }
    let room = diskBytesMax.map { min($0, Self.available(folder).map { $0 / 10 * 9 } ?? $0) }
    var measured = 0
    var usedThen = Self.used(folder)
    var looks = 0
    // The kernel tells nobody that a tree or a set of processes grew.
    while true {
      do { try await Task.sleep(for: Self.interval) } catch { return nil }
      if let process = process() {
        let use = ProcessTable.use(beneath: process, countsMemory: memoryBytesMax != nil)
        if let processesMax, use.threads > processesMax {
          return
            "the agent had \(use.threads) processes and threads at once, more than \(processesMax)"
        }
        if let memoryBytesMax, use.memoryBytes > memoryBytesMax {
          return """
            the agent had \(use.memoryBytes >> 20) MiB of memory, more than \
            \(memoryBytesMax >> 20) MiB
            """
        }
      }
      guard let room else { continue }
      looks += 1
      let used = Self.used(folder)
      guard used - usedThen >= (room - measured) / 2 || looks >= Self.looksBetweenMeasures
      else { continue }
      guard let size = await DiskUse.bytes(of: folder) else {
        if Task.isCancelled { return nil }
        return "the files that the agent made are too many to be measured"
      }
      (measured, usedThen, looks) = (size, used, 0)
      if size > room { return Self.words(size, room) }
    }
  }

  /// What the file system counts as used, in bytes.
  var used: Int { Self.used(folder) }

  /// What is over the limit of disk now; nil where nothing is. Measured only where the file system
  /// has grown by so much since `before` that it may be.
  func excess(since before: Int) async -> String? {
    guard let diskBytesMax, used - before >= diskBytesMax / 2,
      let size = await DiskUse.bytes(of: folder), size > diskBytesMax
    else { return nil }
    return Self.words(size, diskBytesMax)
  }

  private static func words(_ size: Int, _ room: Int) -> String {
    "the attempt's files take \(size >> 20) MiB of disk, more than \(room >> 20) MiB"
  }

  private static func used(_ path: String) -> Int {
    var facts = statvfs()
    guard statvfs(path, &facts) == 0 else { return 0 }
    return Int(facts.f_blocks - facts.f_bfree) * Int(facts.f_frsize)
  }

  private static func available(_ path: String) -> Int? {
    var facts = statvfs()
    guard statvfs(path, &facts) == 0 else { return nil }
    return Int(facts.f_bavail) * Int(facts.f_frsize)
  }
}
