import Glibc

/// Limits a folder to one process, by a lock on a file in it. The kernel releases the lock when the
/// process ends.
package final class FolderLock: Sendable {
  /// Another process has the folder.
  package struct Held: Error, Equatable, CustomStringConvertible {
    package let folder: String
    /// The holder's note, such as `process 123, http://127.0.0.1:8080`; may be empty.
    package let holder: String

    package var description: String {
      "the folder \(folder) is in use by \(holder.isEmpty ? "another process" : holder)"
    }
  }

  private let descriptor: Int32

  /// Takes the lock without waiting.
  /// - Parameters:
  /// - path: the lock's file, made if absent.
  /// - note: written into the file, for processes that are refused.
  /// - Throws: `Held`, or a `FileFault`.
  package init(_ path: String, note: String = "process \(getpid())") throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileFault.last("open", path) }
    // `deinit` also runs after these throws, since all properties are set, and closes the file. A
    // second close could hit a file that another thread has opened since.
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      guard errno == EWOULDBLOCK else { throw FileFault.last("lock", path) }
      throw Held(folder: DurableFile.folder(of: path), holder: Self.text(path))
    }
    self.note(note)
  }

  deinit {
    // Closing alone is not enough while a program that is being started has a copy.
    release()
    close(descriptor)
  }

  /// Releases the lock before this object is freed.
  package func release() { flock(descriptor, LOCK_UN) }

  /// Writes the holder into the file. A note only helps people, so a failed write does not release
  /// the lock.
  package func note(_ text: String) {
    ftruncate(descriptor, 0)
    let line = Array((text + "\n").utf8)
    _ = pwrite(descriptor, line, line.count, 0)
  }

  /// The note of the lock's holder; nil if the lock is free.
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
