import Glibc

/// Tests whether a disk accepts files. git's error messages may contain file names that an agent
/// chose, so they do not show whether the machine or the agent is at fault.
package enum DiskProbe {
  private static let writtenBytes = 64 << 10

  /// Examines the file system of `folder`, and writes a file in it.
  /// - Parameter room: the bytes that must be free.
  /// - Returns: the problem; nil if the disk accepts files.
  package static func fault(in folder: String, room: Int) -> String? {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else {
      return FileFault.last("statvfs", folder).description
    }
    if facts.f_flag & UInt(ST_RDONLY) != 0 { return "the disk of \(folder) is read-only" }
    let free = UInt64(facts.f_bavail) * UInt64(facts.f_frsize)
    if free < UInt64(room) { return "the disk of \(folder) has \(free >> 20) MiB left" }
    // Some file systems do not count their files.
    if facts.f_files > 0, facts.f_favail == 0 { return "the disk of \(folder) takes no more files" }
    let path = "\(folder)/.probe-\(getpid())"
    defer { unlink(path) }
    do throws(FileFault) {
      let file = try OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC)
      try file.write([UInt8](repeating: 0x5a, count: writtenBytes))
      try file.sync()
    } catch { return error.description }
    return nil
  }
}
