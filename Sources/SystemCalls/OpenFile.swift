import Glibc

/// A system call that failed.
package struct FileFault: Error, Equatable, CustomStringConvertible {
  /// The call, such as `open`.
  package let operation: String
  package let path: String
  /// The call's `errno`.
  package let code: Int32

  package init(operation: String, path: String, code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }

  /// Whether there was no room, or none that this user may take.
  package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }

  /// The system's reason.
  package var reason: String { String(cString: strerror(code)) }
  package var description: String { "\(operation) \(path): \(reason)" }

  /// The fault of this thread's last failed call.
  package static func last(_ operation: String, _ path: String) -> FileFault {
    FileFault(operation: operation, path: path, code: errno)
  }
}

/// An open file, closed with its owner.
package struct OpenFile: ~Copyable {
  package let descriptor: Int32
  package let path: String

  /// - Parameter flags: those of open(2); `O_CLOEXEC` is added.
  package init(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(FileFault) {
    self.path = path
    descriptor = open(path, flags | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw .last("open", path) }
  }

  deinit { close(descriptor) }

  /// In bytes; -1 if the file has no length.
  package var length: Int { Int(lseek(descriptor, 0, SEEK_END)) }

  /// Writes all of `bytes` at the file's position.
  package func write(_ bytes: some Collection<UInt8>) throws(FileFault) {
    try write(bytes) { Glibc.write(descriptor, $0, $1) }
  }

  /// Writes all of `bytes` at `offset`.
  package func write(_ bytes: some Collection<UInt8>, at offset: Int) throws(FileFault) {
    var place = off_t(offset)
    try write(bytes) { start, count in
      let written = pwrite(descriptor, start, count, place)
      place += off_t(max(written, 0))
      return written
    }
  }

  private func write(
    _ bytes: some Collection<UInt8>, by call: (UnsafeRawPointer?, Int) -> Int
  ) throws(FileFault) {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { call($0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .last("write", path) }
      rest = rest.dropFirst(count)
    }
  }

  /// Reads at most `count` bytes from `offset`; fewer only at the end of the file.
  package func read(from offset: Int, atMost count: Int) throws(FileFault) -> [UInt8] {
    var bytes: [UInt8] = []
    var hasFailed = false
    // Most files are far shorter than their limit, so the buffer does not have that length.
    while bytes.count < count {
      let room = min(count - bytes.count, max(4096, bytes.count))
      let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, read in
        repeat {
          read = pread(descriptor, buffer.baseAddress, room, off_t(offset + bytes.count))
        } while read < 0 && errno == EINTR
        hasFailed = read < 0
        read = max(read, 0)
      }
      if hasFailed { throw .last("read", path) }
      if piece.isEmpty { break }
      bytes += piece
    }
    return bytes
  }

  /// Syncs the file's content to the disk.
  package func sync() throws(FileFault) {
    guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
  }

  /// Returns when what was written is on disk, and the file's length. Times may be lost.
  package func syncData() throws(FileFault) {
    guard fdatasync(descriptor) == 0 else { throw .last("fdatasync", path) }
  }
}
