import Glibc
import Synchronization

/// Looks whether a failure can have been the machine's. git's own words do not say: they hold names
/// that an agent chose.
struct MachineProbe {
  /// The folder that git writes to.
  let folder: String
  /// What there must be room for, in bytes.
  let bytes: Int

  /// Room that git takes for its own files, in bytes.
  private static let margin = 16 << 20

  /// What is wrong with the machine; nil where nothing is.
  func fault() -> String? {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else {
      return "the mirror's disk cannot be asked: \(Errno(number: errno))"
    }
    if facts.f_flag & UInt(ST_RDONLY) != 0 { return "the mirror's disk is read-only" }
    let free = UInt64(facts.f_bavail) * UInt64(facts.f_frsize)
    if free < UInt64(bytes + Self.margin) {
      return "the mirror's disk has \(free >> 20) MiB left"
    }
    if facts.f_files > 0, facts.f_favail == 0 { return "the mirror's disk can hold no more files" }
    return writeFault()
  }

  private func writeFault() -> String? {
    let path = "\(folder)/aipm-probe"
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { return "the mirror cannot be written: \(Errno(number: errno))" }
    defer {
      close(file)
      unlink(path)
    }
    let bytes = [UInt8](repeating: 1, count: 4096)
    guard write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
      return "the mirror cannot be written: \(Errno(number: errno))"
    }
    return nil
  }
}

/// How often git failed on a commit though nothing was wrong with the machine.
final class FailureCounts: Sendable {
  /// So often the same commit is tried.
  static let triesMax = 3
  private static let knownMax = 1000

  private let counts = Mutex<[String: Int]>([:])

  /// Takes note of a failure.
  /// - Returns: whether it is to be tried again.
  func mayTryAgain(_ commit: String) -> Bool {
    counts.withLock { counts in
      if counts.count >= Self.knownMax { counts.removeAll() }
      counts[commit, default: 0] += 1
      return counts[commit, default: 0] < Self.triesMax
    }
  }

  func forget(_ commit: String) { counts.withLock { $0[commit] = nil } }
}
