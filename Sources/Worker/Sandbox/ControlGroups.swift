// Control groups around the programs of sandboxes, which hold their memory (cgroups(7), version 2).
//
// RLIMIT_DATA counts one process, and a look at all of them comes up to a quarter of a second late.
// A control group counts them together, with what they keep in memory as files, and the kernel ends
// them all when they ask for more than the limit.
//
// An ordinary user may make groups only below one that was delegated: systemd does that for a unit
// with `Delegate=memory`. A group whose controllers are handed on may hold no processes itself, so
// the processes that are in the delegated one, all of them AIPM's, are moved into a group below it.
// Where nothing is delegated, the other two limits are all there is.

import FoundationEssentials
import Glibc
import Processes
import Synchronization
import SystemCalls

/// The place where this worker makes its groups.
struct ControlGroups: Equatable, Sendable {
  /// The delegated group, as a folder.
  let folder: String

  /// Where the processes go that were in the delegated group.
  private static let ownName = "aipm"
  private static let namePrefix = "agent-"
  private static let fileBytesMax = 1 << 20
  private static let number = Atomic<Int>(0)

  /// Hands the memory controller on, if this process's group was delegated to its user.
  /// - Returns: nil if it was not, or holds processes that are not AIPM's.
  static func prepared() -> ControlGroups? {
    guard let own = ownFolder() else { return nil }
    // A worker that was started by one that did so already, or a unit with `DelegateSubgroup=`.
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
  /// - Returns: nil where there is none, or none with the files of a group.
  static func ownFolder() -> String? {
    guard let groups = text("/proc/self/cgroup"), let mounts = text("/proc/self/mountinfo"),
      let line = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
    else { return nil }
    let path = line.dropFirst(3)
    for mount in mounts.split(separator: "\n") {
      // proc_pid_mountinfo(5): the type stands after a dash, root and place in fields 4 and 5.
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

  /// A new group, which ends what is in it together.
  /// - Parameter bytesMax: of memory, swap included.
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
    // Absent from a kernel without swap.
    try? group.write("0", "memory.swap.max")
    return group
  }

  // MARK: The delegated group

  private var isUsable: Bool {
    ["", "/cgroup.procs", "/cgroup.subtree_control"].allSatisfy {
      access(folder + $0, W_OK) == 0
    }
  }

  /// Moves the processes of this group into one below it, if all are AIPM's or were started by it.
  private func moveOwnProcesses() -> Bool {
    let own = "\(folder)/\(Self.ownName)"
    guard mkdir(own, 0o755) == 0 || errno == EEXIST else { return false }
    // What program a process runs is not shown of one that keeps its memory to itself; its name is.
    let name = ProcessTable.name(of: getpid())
    // One that starts others meanwhile leaves them behind.
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

  /// Groups of workers that are no more.
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

/// One group, for one program and all that it starts.
final class ControlGroup: Sendable {
  let folder: String
  private let memoryBytesMax: Int
  private let limit = Mutex(false)

  /// How long what was killed may take to be gone.
  private static let patienceMs: Int32 = 5_000

  init(folder: String, memoryBytesMax: Int) {
    self.folder = folder
    self.memoryBytesMax = memoryBytesMax
  }

  /// Takes a process in; what it starts from then on is in the group too.
  func take(_ process: Int32) throws(FileFault) { try write(String(process), "cgroup.procs") }

  /// What the kernel ended the program for; nil if it did not. Known once the group has ended.
  var excess: String? {
    guard limit.withLock({ $0 }) else { return nil }
    return "the agent had more than \(memoryBytesMax >> 20) MiB of memory"
  }

  /// Kills what is in it, and removes it.
  /// - Returns: false if something was still there after some seconds.
  @discardableResult
  func end() async -> Bool {
    await onOwnThread { [self] in
      try? write("1", "cgroup.kill")
      let isEmpty = awaitEmpty()
      if count("oom_kill", in: "memory.events") > 0 { limit.withLock { $0 = true } }
      return isEmpty && rmdir(folder) == 0
    }
  }

  /// The kernel tells of a change of this file by POLLPRI.
  private func awaitEmpty() -> Bool {
    guard let events = try? OpenFile("\(folder)/cgroup.events", O_RDONLY) else { return false }
    while count("populated", in: "cgroup.events") != 0 {
      var one = pollfd(fd: events.descriptor, events: Int16(POLLPRI), revents: 0)
      // What is read arms the next notice; one that came between is told at once.
      var bytes = [UInt8](repeating: 0, count: 256)
      _ = pread(events.descriptor, &bytes, bytes.count, 0)
      if count("populated", in: "cgroup.events") == 0 { break }
      let ready = poll(&one, 1, Self.patienceMs)
      if ready == 0 || ready < 0 && errno != EINTR { return false }
    }
    return true
  }

  /// A number of a file that has one a line, by its name.
  private func count(_ name: String, in file: String) -> Int {
    let lines = ControlGroups.text("\(folder)/\(file)")?.split(separator: "\n") ?? []
    let line = lines.first { $0.hasPrefix("\(name) ") }
    return line.flatMap { Int($0.dropFirst(name.count + 1)) } ?? 0
  }

  fileprivate func write(_ text: String, _ name: String) throws(FileFault) {
    try OpenFile("\(folder)/\(name)", O_WRONLY).write(Array(text.utf8))
  }
}
