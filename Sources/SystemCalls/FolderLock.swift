import Glibc

/// One process to a folder, by a lock on a file in it. The kernel releases the lock when the
/// process ends, however it ends.
package final class FolderLock: Sendable {
  /// Another process has the folder.
  package struct Held: Error, Equatable, CustomStringConvertible {
    package let folder: String
    /// What the holder wrote of itself, such as `process 123, http://127.0.0.1:8080`; may be empty.
    package let holder: String

    package var description: String {
      "the folder \(folder) is in use by \(holder.isEmpty ? "another process" : holder)"
    }
  }

  private let descriptor: Int32

  /// Takes the lock, or throws at once.
  /// - Parameters:
  ///   - path: of the file; it is made if it is absent.
  ///   - note: what is written into it, for whoever is refused.
  /// - Throws: `Held`, or a `FileFault`.
  package init(_ path: String, note: String = "process \(getpid())") throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileFault.last("open", path) }
    // `deinit` runs after these throws too, since all properties are set: it closes the file. A
    // second close would be of a file that another thread has opened meanwhile.
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      guard errno == EWOULDBLOCK else { throw FileFault.last("lock", path) }
      throw Held(folder: DurableFile.folder(of: path), holder: Self.text(path))
    }
    self.note(note)
  }

  deinit {
    // Closing alone would not do while a program that is just being started has a copy.
    release()
    close(descriptor)
  }

  /// Releases the lock before this object goes.
  package func release() { flock(descriptor, LOCK_UN) }

  /// Writes into the file who holds the lock. A note is a help for people: if the disk takes none,
  /// the lock holds all the same.
  package func note(_ text: String) {
    ftruncate(descriptor, 0)
    let line = Array((text + "\n").utf8)
    _ = pwrite(descriptor, line, line.count, 0)
  }

  /// What the holder of the lock wrote of itself; nil if nobody holds it.
  package static func holder(_ path: String) -> String? {
    guard let file = try? OpenFile(path, O_RDWR) else { return nil }
    if flock(file.descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
    return errno == EWOULDBLOCK ? text(path) : nil
  }

  private static func text(_ path: String) -> String {
    let bytes = (try? DurableFile.read(path, atMost: 200)) ?? []
    return String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
  }
}
