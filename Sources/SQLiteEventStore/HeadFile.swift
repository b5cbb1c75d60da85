import Cryptography
import EventLog
import Glibc

/// The log's head in a file outside the database: two slots that are written in turn, each with a
/// checksum, so that one of them is always complete. With it a database that lost its end, or was
/// replaced by a backup, is detected.
///
/// It is used from one thread at a time.
final class HeadFile {
  struct Fault: Error {
    var operation: String
    var code: Int32
    var description: String { "\(operation): \(String(cString: strerror(code)))" }
    var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
  }

  enum Found: Equatable {
    case none
    case head(LogHead)
    /// The file exists, and neither slot is whole.
    case unreadable
  }

  /// A slot has its own page, so that a torn write can't damage the other slot.
  private static let slotSize = 4096
  private static let magic = Array("aipm-head-1\n".utf8)

  private let descriptor: Int32
  private var sequence: UInt64
  let found: Found

  /// Opens the file, or creates it.
  init(path: String) throws(Fault) {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Fault(operation: "open \(path)", code: errno) }
    (found, sequence) = Self.look(descriptor)
  }

  /// Reads the file and does not change it; `.none` if it does not exist.
  static func read(path: String) throws(Fault) -> Found {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return .none }
      throw Fault(operation: "open \(path)", code: errno)
    }
    defer { close(descriptor) }
    return look(descriptor).found
  }

  private static func look(_ descriptor: Int32) -> (found: Found, sequence: UInt64) {
    let slots = [readSlot(descriptor, 0), readSlot(descriptor, 1)].compactMap { $0 }
    if let newest = slots.max(by: { $0.sequence < $1.sequence }) {
      return (.head(newest.head), newest.sequence)
    }
    return (lseek(descriptor, 0, SEEK_END) == 0 ? .none : .unreadable, 0)
  }

  deinit { close(descriptor) }

  /// Writes the head over the older slot, and returns when that is on disk.
  func write(_ head: LogHead) throws(Fault) {
    sequence += 1
    var bytes = Self.magic
    for word in [sequence, UInt64(bitPattern: head.position)] {
      bytes += (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
    }
    bytes += head.hash
    bytes += SHA256.hash(bytes)
    let offset = Int(sequence % 2) * Self.slotSize
    guard pwrite(descriptor, bytes, bytes.count, offset) == bytes.count else {
      throw Fault(operation: "write head", code: errno)
    }
    guard fdatasync(descriptor) == 0 else { throw Fault(operation: "sync head", code: errno) }
  }

  private static func readSlot(
    _ descriptor: Int32, _ index: Int
  ) -> (sequence: UInt64, head: LogHead)? {
    let size = magic.count + 16 + 32 + 32
    var bytes = [UInt8](repeating: 0, count: size)
    guard pread(descriptor, &bytes, size, index * slotSize) == size,
      Array(bytes.prefix(magic.count)) == magic,
      SHA256.hash(bytes[..<(size - 32)]) == Array(bytes[(size - 32)...])
    else { return nil }
    func word(at start: Int) -> UInt64 {
      bytes[start..<(start + 8)].reduce(0) { $0 << 8 | UInt64($1) }
    }
    let position = Int64(bitPattern: word(at: magic.count + 8))
    let hash = Array(bytes[(magic.count + 16)..<(magic.count + 48)])
    return (word(at: magic.count), LogHead(position: position, hash: hash))
  }
}
