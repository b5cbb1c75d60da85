// Files that hold after a power cut, and a little reading and writing by system calls.

import Cryptography
import Glibc
import Synchronization

/// A system call that failed.
struct FileFault: Error, Equatable, CustomStringConvertible {
  let operation: String
  let path: String
  let code: Int32

  var description: String { "\(operation) \(path): \(String(cString: strerror(code)))" }

  /// The fault of the call that was made last on this thread.
  static func last(_ operation: String, _ path: String) -> FileFault {
    FileFault(operation: operation, path: path, code: errno)
  }
}

/// A file that is open; closed with its owner.
struct OpenFile: ~Copyable {
  let descriptor: Int32
  let path: String

  init(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(FileFault) {
    self.path = path
    descriptor = open(path, flags | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw .last("open", path) }
  }

  deinit { close(descriptor) }

  func write(_ bytes: [UInt8]) throws(FileFault) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), bytes.count - done)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .last("write", path) }
      done += count
    }
  }

  func sync() throws(FileFault) {
    guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
  }
}

enum DurableFile {
  /// Puts the file in place whole: it holds the old content or the new one, whatever happens.
  static func replace(_ path: String, with bytes: [UInt8]) throws(FileFault) {
    let next = "\(path).next"
    do {
      let file = try OpenFile(next, O_WRONLY | O_CREAT | O_TRUNC)
      try file.write(bytes)
      try file.sync()
    }
    guard rename(next, path) == 0 else { throw .last("rename", path) }
    try syncFolder(of: path)
  }

  /// Has the folder's entry for `path` on disk.
  static func syncFolder(of path: String) throws(FileFault) {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let file = try OpenFile(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY)
    try file.sync()
  }

  /// At most `limit` bytes from `offset` on; none at or past the end.
  static func read(
    _ path: String, from offset: Int = 0, atMost limit: Int
  ) throws(FileFault) -> [UInt8] {
    let file = try OpenFile(path, O_RDONLY)
    var bytes: [UInt8] = []
    var hasFailed = false
    // Most files are far shorter than what they may be, so there is no buffer of that length.
    while bytes.count < limit {
      let room = min(limit - bytes.count, max(4096, bytes.count))
      let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        repeat {
          count = pread(file.descriptor, buffer.baseAddress, room, off_t(offset + bytes.count))
        } while count < 0 && errno == EINTR
        hasFailed = count < 0
        count = max(count, 0)
      }
      if hasFailed { throw .last("read", path) }
      if piece.isEmpty { break }
      bytes += piece
    }
    return bytes
  }

  /// How many bytes the file holds; 0 if there is none.
  static func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// SHA-256 of the whole content, in hex.
  static func digest(_ path: String) throws(FileFault) -> String {
    let file = try OpenFile(path, O_RDONLY)
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = buffer.withUnsafeMutableBytes {
        Glibc.read(file.descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .last("read", path) }
      guard count > 0 else { return Hex.encode(hash.finish()) }
      buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
  }

  /// Makes the folder and those above it, for this user alone.
  static func makeFolder(_ path: String) throws(FileFault) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw .last("mkdir", path)
    }
    try makeFolder(String(path[..<slash]))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last("mkdir", path) }
  }

  /// Whether a folder stands there that is no link to one.
  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }
}

/// A file that is written in pieces from a callback; the first fault is told at the end.
final class PackFile: Sendable {
  private let file: OpenFile
  private let fault = Mutex<FileFault?>(nil)

  init(_ file: consuming OpenFile) { self.file = file }

  func append(_ chunk: [UInt8]) {
    fault.withLock { fault in
      guard fault == nil else { return }
      do throws(FileFault) { try file.write(chunk) } catch { fault = error }
    }
  }

  /// Returns when everything is on disk.
  func finish() throws(FileFault) {
    if let fault = fault.withLock({ $0 }) { throw fault }
    try file.sync()
  }
}
