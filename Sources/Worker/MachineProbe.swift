// Whether this machine is fit to take a change in, found out by trying. What git says when it fails
// may hold any name that an agent gave a file, so it tells nobody's fault.

import Glibc

enum MachineProbe {
  /// A disk with less room than this takes no commit.
  private static let roomMin = 1 << 20
  private static let writtenBytes = 64 << 10
  /// ST_RDONLY of statvfs(3).
  private static let readOnly: UInt = 1

  /// Looks at the file system that holds `folder`, and writes a file in it.
  /// - Returns: what is wrong with it; nil where nothing is.
  static func fault(in folder: String) -> String? {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else {
      return FileFault.last("statvfs", folder).description
    }
    if facts.f_flag & readOnly != 0 {
      return "the file system of \(folder) is read-only"
    }
    let room = Int(facts.f_bavail) * Int(facts.f_frsize)
    if room < roomMin { return "the disk of \(folder) is full" }
    // Some file systems do not count them.
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
