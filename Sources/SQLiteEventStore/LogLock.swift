import EventLog
import Glibc

/// The lock of a data folder, without which nobody writes to the log in it. The kernel lets go of
/// it when the process ends, however it ends.
package final class LogLock: Sendable {
  private let descriptor: Int32

  /// Another process has the folder.
  package struct Held: Error, CustomStringConvertible {
    package let folder: String
    /// What the holder wrote of itself, such as `process 123, http://127.0.0.1:8080`; may be empty.
    package let holder: String
    package var description: String {
      "the folder \(folder) belongs to a server that runs: "
        + (holder.isEmpty ? "its lock is held" : holder)
        + "; stop that one, or name another folder"
    }
  }

  /// Takes the lock of a folder that exists, or throws at once.
  /// - Throws: `Held`, or a `StoreFault` where the folder cannot be written.
  package init(directory: String) throws {
    let path = directory + "/lock"
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw StoreFault(operation: "open \(path)", message: String(cString: strerror(errno)))
    }
    while flock(file, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      if code == EINTR { continue }
      let holder = Self.text(file)
      close(file)
      guard code == EWOULDBLOCK else {
        throw StoreFault(operation: "lock \(path)", message: String(cString: strerror(code)))
      }
      throw Held(folder: directory, holder: holder)
    }
    descriptor = file
    note("process \(getpid())")
  }

  deinit {
    // Closing alone would not do while a program that is just being started has a copy.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Writes into the lock who holds it, for whoever is refused.
  package func note(_ text: String) {
    ftruncate(descriptor, 0)
    let line = Array((text + "\n").utf8)
    _ = pwrite(descriptor, line, line.count, 0)
  }

  private static func text(_ file: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 200)
    let count = pread(file, &bytes, bytes.count, 0)
    let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    return String(text.prefix { $0 != "\n" })
  }
}
