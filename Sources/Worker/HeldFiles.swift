// Memory and disk of an agent that no tree and no process's own count shows: files that were
// unlinked and are held open, files in memory (memfd_create(2), /dev/shm), shared memory.
//
// A file goes when its last name and its last descriptor have gone, so what is held open fills a
// disk that du sees nothing of. The worker looks at the open files of each process through
// /proc/N/fd (proc(5)), which shows any file, unlinked or not, without opening it.
//
// What it does not see: what pipes and sockets have taken in and nobody has read, descriptors that
// are under way in a socket (SCM_RIGHTS, unix(7)), and the part of an unlinked file that is neither
// open nor mapped while a mapping holds the rest. A control group counts all of that as memory, but
// no file on disk.

import CProcess
import Glibc
import SystemCalls

struct HeldFiles: Equatable, Sendable {
  /// In unlinked files on the attempt's disk.
  var diskBytes = 0
  /// In shared memory and files that are held in memory.
  var memoryBytes = 0
  /// Some process that has not ended does not let its open files be looked at.
  var isHidden = false
  /// There are more than `descriptorsMax`.
  var isTooMany = false

  /// Open files of all processes together.
  static let descriptorsMax = 100_000

  /// What these processes hold.
  /// - Parameters:
  ///   - folder: on the disk that is meant.
  ///   - privateBytes: memory of theirs that was counted already.
  ///   - memoryBytesMax: what they may have; how much of shared memory is mapped by several is
  ///     looked into only if they could have more. nil: memory is not counted.
  static func look(
    at members: [ProcessTable.Member], folder: String, privateBytes: Int, memoryBytesMax: Int?
  ) -> HeldFiles {
    var look = Look(disk: device(of: folder))
    for member in members { look.take(member, countsMemory: memoryBytesMax != nil) }
    guard let memoryBytesMax else { return look.held }
    // What is mapped and what is open is mostly the same, so the larger one counts.
    var mapped = members.reduce(0) { $0 + mappedBytes(at: $1.path) }
    if privateBytes + max(mapped, look.held.memoryBytes) > memoryBytesMax {
      mapped = members.reduce(0) { $0 + proportionalBytes(at: $1.path) }
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
    /// Memory file systems of a sandbox, which tell by themselves how full they are.
    private var counted = Set<dev_t>()

    init(disk: dev_t?) {
      self.disk = disk
      // The machine's own is not the agent's.
      if let shared = HeldFiles.device(of: "/dev/shm") { counted.insert(shared) }
    }

    mutating func take(_ member: ProcessTable.Member, countsMemory: Bool) {
      if countsMemory, !member.isSandbox { takeSharedMemory(of: "\(member.path)/root/dev/shm") }
      guard let folder = opendir("\(member.path)/fd") else {
        // It may have ended meanwhile. bubblewrap has closed itself, and runs nothing of an agent.
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

    private mutating func takeSharedMemory(of path: String) {
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

  /// Shared memory that a process has mapped: what several have is in the count of each.
  private static func mappedBytes(at path: String) -> Int {
    kibibytes("RssShmem:", "\(path)/status", atMost: 16 << 10) << 10
  }

  /// Of that, each has its share. The kernel looks at every page for it.
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
