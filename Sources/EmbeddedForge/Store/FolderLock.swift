// One server to a folder.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A lock on a file, which the kernel gives up when the process dies.
final class FolderLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `EmbeddedForgeError` where another server holds it, or where it cannot be had.
  init(path: String, folder: String) throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw EmbeddedForgeError.unusableFolder(folder, String(cString: strerror(errno)))
    }
    // `deinit` runs after this throw too, since all that is stored was set: it closes the file. A
    // second close would be of a file that another thread has opened meanwhile.
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw EmbeddedForgeError.servedAlready(folder)
    }
  }

  /// Gives it up before this process ends.
  func release() { flock(descriptor, LOCK_UN) }

  deinit { close(descriptor) }
}
