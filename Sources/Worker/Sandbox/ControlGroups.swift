// Control groups that limit the memory of sandboxes (cgroups(7), version 2).
//
// RLIMIT_DATA counts one process, and polling the sum of all reacts up to a quarter of a second
// late. A control group counts all processes together, including their files in memory, and the
// kernel ends them all when they exceed the limit.
//
// An ordinary user may create groups only below one that was delegated: systemd does that for a
// unit with `Delegate=memory`. A group with enabled controllers may contain no processes itself, so
// the processes in the delegated group, all of them AIPM's, are moved into a group below it. If no
// group was delegated, only the other two limits apply.

import FoundationEssentials
import Glibc
import Processes
import Synchronization
import SystemCalls

/// The parent of this worker's groups.
struct ControlGroups: Equatable, Sendable {
  /// The delegated group, as a folder.
  let folder: String

  /// The group for the processes that were in the delegated group.
  private static let ownName = "aipm"
  private static let namePrefix = "agent-"
  private static let fileBytesMax = 1 << 20
  private static let number = Atomic<Int>(0)

  /// Enables the memory controller, if this process's group was delegated to its user.
  /// - Returns: nil if it was not, or contains processes that are not AIPM's.
  static func prepared() -> ControlGroups? {
    guard let own = ownFolder() else { return nil }
    // For a worker whose parent process did this before, or a unit with `DelegateSubgroup=`.
    if let end = own.lastIndex(of: "/") {
      let above = ControlGroups(folder: String(own[..<end]))
      if above.isUsable, above.list("cgroup.subtree_control").contains("memory") {
        above.removeOld()
        return above
      }
    }
    let groups = ControlGroups(folder: own)
    guard groups.isUsable, groups.list("cgroup.controllers").contains("memory"),
      groups.moveOwnProcesses(), groups.write("+memory", "cgroup.subtree_control")
    else { return nil }
    return groups
  }

  /// The folder of this process's group in the hierarchy of version 2.
  /// - Returns: nil if there is no such group.
  static func ownFolder() -> String? {
    guard let groups = text("/proc/self/cgroup"), let mounts = text("/proc/self/mountinfo"),
      let line = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
    else { return nil }
    let path = line.dropFirst(3)
    for mount in mounts.split(separator: "\n") {
      // proc_pid_mountinfo(5): the type follows a dash; root and mount point are fields 4 and 5.
      let halves = mount.split(separator: " - ", maxSplits: 1)
      let fields = halves[0].split(separator: " ")
      guard halves.count == 2, halves[1].hasPrefix("cgroup2 "), fields.count > 4 else { continue }
      let root = fields[3] == "/" ? "" : fields[3]
      guard path.hasPrefix(root) else { continue }
      var folder = fields[4] + path.dropFirst(root.count)
      while folder.hasSuffix("/") { folder.removeLast() }
      return String(folder)
    }
    return nil
  }

  /// Creates a group whose processes are ended together.
  /// - Parameter bytesMax: the limit of memory, including swap.
  func makeGroup(memoryBytesMax bytesMax: Int) throws(FileFault) -> ControlGroup {
    let number = Self.number.add(1, ordering: .relaxed).newValue
    let name = "\(Self.namePrefix)\(getpid())-\(number)"
    let path = "\(folder)/\(name)"
    guard mkdir(path, 0o755) == 0 else { throw .last("mkdir", path) }
    let group = ControlGroup(folder: path, memoryBytesMax: bytesMax)
    do throws(FileFault) {
      try group.write(String(bytesMax), "memory.max")
      try group.write("1", "memory.oom.group")
    } catch {
      rmdir(path)
      throw error
    }
    // A kernel without swap has no such file.
    try? group.write("0", "memory.swap.max")
    return group
  }

  // MARK: The delegated group

  private var isUsable: Bool {
    ["", "/cgroup.procs", "/cgroup.subtree_control"].allSatisfy {
      access(folder + $0, W_OK) == 0
    }
  }

  /// Moves the processes of this group into one below it, if AIPM started all of them.
  private func moveOwnProcesses() -> Bool {
    let own = "\(folder)/\(Self.ownName)"
    guard mkdir(own, 0o755) == 0 || errno == EEXIST else { return false }
    // The program of a process that protects its memory is not visible, but its name is.
    let name = ProcessTable.name(of: getpid())
    // Processes that start meanwhile need another round.
    for _ in 0..<20 {
      let processes = list("cgroup.procs").compactMap { Int32($0) }
      if processes.isEmpty { return true }
      for process in processes {
        guard ProcessTable.descends(process, from: { ProcessTable.name(of: $0) == name })
        else { return false }
        // It may have ended.
        _ = write(String(process), "\(Self.ownName)/cgroup.procs")
      }
    }
    return false
  }

  /// Removes the groups of workers that have ended.
  private func removeOld() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix(Self.namePrefix) {
      guard let process = Int32(name.dropFirst(Self.namePrefix.count).prefix { $0 != "-" }),
        kill(process, 0) != 0, errno == ESRCH
      else { continue }
      _ = write("1", "\(name)/cgroup.kill")
      rmdir("\(folder)/\(name)")
    }
  }

  private func list(_ name: String) -> [String] {
    Self.text("\(folder)/\(name)")?.split { $0 == " " || $0 == "\n" }.map(String.init) ?? []
  }

  private func write(_ text: String, _ name: String) -> Bool {
    (try? OpenFile("\(folder)/\(name)", O_WRONLY).write(Array(text.utf8))) != nil
  }

  fileprivate static func text(_ path: String) -> String? {
    (try? DurableFile.read(path, atMost: fileBytesMax)).map { String(decoding: $0, as: UTF8.self) }
  }
}

/// The group of one program and its child processes.
final class ControlGroup: Sendable {
  let folder: String
  private let memoryBytesMax: Int
  private let limit = Mutex(false)

  private static let timeoutMs: Int32 = 5_000

  init(folder: String, memoryBytesMax: Int) {
    self.folder = folder
    self.memoryBytesMax = memoryBytesMax
  }

  /// Adds a process; its later child processes are in the group too.
  func add(_ process: Int32) throws(FileFault) { try write(String(process), "cgroup.procs") }

  /// The limit for which the kernel ended the program; nil if it did not. Known after the end.
  var excess: String? {
    guard limit.withLock({ $0 }) else { return nil }
    return "the agent had more than \(memoryBytesMax >> 20) MiB of memory"
  }

  /// Kills its processes and removes it.
  /// - Returns: false if a process was still there after some seconds.
  @discardableResult
  func end() async -> Bool {
    await onOwnThread { [self] in
      try? write("1", "cgroup.kill")
      let isEmpty = awaitEmpty()
      if count("oom_kill", in: "memory.events") > 0 { limit.withLock { $0 = true } }
      return isEmpty && rmdir(folder) == 0
    }
  }

  /// The kernel reports changes of this file by POLLPRI.
  private func awaitEmpty() -> Bool {
    guard let events = try? OpenFile("\(folder)/cgroup.events", O_RDONLY) else { return false }
    while count("populated", in: "cgroup.events") != 0 {
      var one = pollfd(fd: events.descriptor, events: Int16(POLLPRI), revents: 0)
      // Reading arms the next notification; an earlier change is then seen at once.
      var bytes = [UInt8](repeating: 0, count: 256)
      _ = pread(events.descriptor, &bytes, bytes.count, 0)
      if count("populated", in: "cgroup.events") == 0 { break }
      let ready = poll(&one, 1, Self.timeoutMs)
      if ready == 0 || ready < 0 && errno != EINTR { return false }
    }
    return true
  }

  /// A named number in a file with one number per line.
  private func count(_ name: String, in file: String) -> Int {
    let lines = ControlGroups.text("\(folder)/\(file)")?.split(separator: "\n") ?? []
    let line = lines.first { $0.hasPrefix("\(name) ") }
    return line.flatMap { Int($0.dropFirst(name.count + 1)) } ?? 0
  }

  fileprivate func write(_ text: String, _ name: String) throws(FileFault) {
    try OpenFile("\(folder)/\(name)", O_WRONLY).write(Array(text.utf8))
  }
}
