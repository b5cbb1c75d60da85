// One worker to a folder, by a lock that the kernel lets go of when the process ends.

import Glibc

/// Another process has the folder.
package struct FolderInUse: Error, Equatable, CustomStringConvertible {
  package let folder: String
  /// What the holder wrote of itself: `process 123`, or nothing.
  package let holder: String

  package var description: String {
    let by = holder.isEmpty ? "another process" : holder
    return "the folder \(folder) is in use by \(by); give this worker a folder of its own (--data)"
  }
}

/// Holds the lock as long as it lives.
struct FolderLock: ~Copyable {
  private let file: OpenFile

  /// - Throws: `FolderInUse`, or a `FileFault`.
  init(_ path: String, folder: String, holder: String) throws {
    let file = try OpenFile(path, O_RDWR | O_CREAT)
    while flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      guard errno == EWOULDBLOCK else { throw FileFault.last("lock", path) }
      throw FolderInUse(folder: folder, holder: FolderLock.text(path))
    }
    guard ftruncate(file.descriptor, 0) == 0 else { throw FileFault.last("truncate", path) }
    try file.write(Array(holder.utf8))
    self.file = file
  }

  deinit {
    // Closing alone would not do while a program that is just being started has a copy.
    flock(file.descriptor, LOCK_UN)
  }

  /// Who holds the lock of this folder; nil where nobody does.
  static func holder(_ path: String) -> String? {
    guard let file = try? OpenFile(path, O_RDWR) else { return nil }
    if flock(file.descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
    return errno == EWOULDBLOCK ? text(path) : nil
  }

  private static func text(_ path: String) -> String {
    let bytes = (try? DurableFile.read(path, atMost: 200)) ?? []
    return String(decoding: bytes, as: UTF8.self)
  }
}
