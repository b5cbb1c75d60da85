// Memory and disk space of an agent that are neither in a tree nor in the memory figures of a
// process: open unlinked files, files in memory (memfd_create(2), /dev/shm), shared memory.
//
// A file is freed when its last name and its last descriptor are gone, so open files can fill a
// disk without being visible to du. The worker reads the open files of each process from /proc/N/fd
// (proc(5)), which shows any file, unlinked or not, without opening it.
//
// It does not see unread bytes in pipes and sockets, descriptors in transit in a socket
// (SCM_RIGHTS, unix(7)), and unlinked files that are mapped only in part and not open. A control
// group counts all of that as memory, but not files on disk.

import CProcess
import Glibc
import SystemCalls

struct HeldFiles: Equatable, Sendable {
  /// In unlinked files on the attempt's disk.
  var diskBytes = 0
  /// In shared memory and in files in memory.
  var memoryBytes = 0
  /// The open files of a running process cannot be read.
  var isHidden = false
  /// There are more than `descriptorsMax`.
  var isTooMany = false

  /// For all processes together.
  static let descriptorsMax = 100_000

  /// What these processes use.
  /// - Parameters:
  ///   - folder: on the disk to look for.
  ///   - privateBytes: their memory that was already counted.
  ///   - memoryBytesMax: their limit; how much shared memory is mapped by several of them is
  ///     determined only if they could exceed it. nil: memory is not counted.
  static func look(
    at members: [ProcessTable.Member], folder: String, privateBytes: Int, memoryBytesMax: Int?
  ) -> HeldFiles {
    var look = Look(disk: device(of: folder))
    for member in members { look.add(member, countsMemory: memoryBytesMax != nil) }
    guard let memoryBytesMax else { return look.held }
    // Mapped and open files are mostly the same, so the larger sum counts.
    var mapped = members.reduce(0) { $0 + mappedBytes(at: $1.path) }
    if privateBytes + max(mapped, look.held.memoryBytes) > memoryBytesMax {
      // Processes are read one after the other. A page that a later one maps meanwhile is counted
      // whole for the earlier one and in part for the later one. Read in the other order, the same
      // page is counted too low. The lower sum can be too low for one look; the higher one would
      // end an agent that has not exceeded its limit.
      mapped = min(proportionalBytes(at: members), proportionalBytes(at: members.reversed()))
    }
    look.held.memoryBytes = max(mapped, look.held.memoryBytes)
    return look.held
  }

  // MARK: Open files

  private struct FileName: Hashable {
    let device: dev_t
    let inode: ino_t
  }

  private struct Look {
    let disk: dev_t?
    var held = HeldFiles()
    private var descriptors = 0
    private var seen = Set<FileName>()
    /// Whether files of a device are in memory.
    private var isInMemory: [dev_t: Bool] = [:]
    /// Memory file systems of a sandbox, which report their usage themselves.
    private var counted = Set<dev_t>()

    init(disk: dev_t?) {
      self.disk = disk
      // The machine's own is not counted for the agent.
      if let shared = HeldFiles.device(of: "/dev/shm") { counted.insert(shared) }
    }

    mutating func add(_ member: ProcessTable.Member, countsMemory: Bool) {
      if countsMemory, !member.isSandbox { addSharedMemory(of: "\(member.path)/root/dev/shm") }
      guard let folder = opendir("\(member.path)/fd") else {
        // It may have ended meanwhile. bubblewrap protects itself, and runs no code of an agent.
        let isClosed = errno == EACCES || errno == EPERM
        if isClosed, !member.isSandbox, !ProcessTable.hasEnded(member.path) { held.isHidden = true }
        return
      }
      defer { closedir(folder) }
      let descriptor = dirfd(folder)
      while let entry = readdir(folder) {
        descriptors += 1
        guard descriptors <= HeldFiles.descriptorsMax else {
          held.isTooMany = true
          return
        }
        var facts = stat()
        let isUnlinked = withUnsafeBytes(of: &entry.pointee.d_name) { name in
          guard let start = name.bindMemory(to: CChar.self).baseAddress else { return false }
          return fstatat(descriptor, start, &facts, 0) == 0
            && facts.st_mode & S_IFMT == S_IFREG && facts.st_nlink == 0
        }
        guard isUnlinked, !counted.contains(facts.st_dev) || facts.st_dev == disk,
          seen.insert(FileName(device: facts.st_dev, inode: facts.st_ino)).inserted
        else { continue }
        let bytes = Int(facts.st_blocks) * 512
        if facts.st_dev == disk {
          held.diskBytes += bytes
        } else if isInMemory(facts.st_dev, like: "\(member.path)/fd", entry) {
          held.memoryBytes += bytes
        }
      }
    }

    private mutating func addSharedMemory(of path: String) {
      var facts = statvfs()
      guard let device = HeldFiles.device(of: path), counted.insert(device).inserted,
        statvfs(path, &facts) == 0
      else { return }
      held.memoryBytes += Int(facts.f_blocks - facts.f_bfree) * Int(facts.f_frsize)
    }

    private mutating func isInMemory(
      _ device: dev_t, like folder: String, _ entry: UnsafeMutablePointer<dirent>
    ) -> Bool {
      if let known = isInMemory[device] { return known }
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      let isIt = cprocess_is_in_memory("\(folder)/\(name)") == 1
      isInMemory[device] = isIt
      return isIt
    }
  }

  private static func device(of path: String) -> dev_t? {
    var facts = stat()
    return stat(path, &facts) == 0 ? facts.st_dev : nil
  }

  // MARK: Mapped memory

  /// Mapped shared memory; pages of several processes are counted for each.
  private static func mappedBytes(at path: String) -> Int {
    kibibytes("RssShmem:", "\(path)/status", atMost: 16 << 10) << 10
  }

  private static func proportionalBytes(at members: [ProcessTable.Member]) -> Int {
    members.reduce(0) { $0 + proportionalBytes(at: $1.path) }
  }

  /// Pages of several processes are counted in part for each. The kernel inspects every page for
  /// it.
  private static func proportionalBytes(at path: String) -> Int {
    guard mappedBytes(at: path) > 0 else { return 0 }
    return kibibytes("Pss_Shmem:", "\(path)/smaps_rollup", atMost: 4 << 10) << 10
  }

  /// The number in a line such as `RssShmem:     12 kB`.
  private static func kibibytes(_ key: String, _ path: String, atMost limit: Int) -> Int {
    guard let bytes = try? DurableFile.read(path, atMost: limit) else { return 0 }
    for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: key.utf8) {
      let words = line.dropFirst(key.utf8.count).split { $0 == 32 || $0 == 9 }
      return words.first.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
    }
    return 0
  }
}
