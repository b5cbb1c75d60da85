import Cryptography
import EventLog
import Glibc
import SystemCalls

/// The log's head in a file outside the database: two slots that are written in turn, each with a
/// checksum, so that one of them is always complete. With it a database that lost its end, or was
/// replaced by a backup, is detected.
///
/// It is used from one thread at a time.
package final class HeadFile {
  /// The content of the file.
  package enum Found: Equatable, Sendable {
    case none
    case head(LogHead)
    /// The file exists, and neither slot is valid.
    case unreadable
  }

  /// A slot has its own page, so that a torn write can't damage the other slot.
  private static let slotSize = 4096
  private static let magic = Array("aipm-head-1\n".utf8)

  private let file: OpenFile
  private var sequence: UInt64
  package let found: Found

  /// Opens the file, or creates it.
  package init(path: String) throws(FileFault) {
    file = try OpenFile(path, O_RDWR | O_CREAT)
    (found, sequence) = try Self.look(file)
  }

  /// Reads the file and does not change it; `.none` if it does not exist.
  package static func read(path: String) throws(FileFault) -> Found {
    do throws(FileFault) {
      return try look(try OpenFile(path, O_RDONLY)).found
    } catch {
      guard error.code == ENOENT else { throw error }
      return .none
    }
  }

  private static func look(
    _ file: borrowing OpenFile
  ) throws(FileFault) -> (found: Found, sequence: UInt64) {
    let slots = [try readSlot(file, 0), try readSlot(file, 1)].compactMap { $0 }
    if let newest = slots.max(by: { $0.sequence < $1.sequence }) {
      return (.head(newest.head), newest.sequence)
    }
    return (file.length == 0 ? .none : .unreadable, 0)
  }

  /// Writes the head over the older slot, and returns when that is on disk.
  package func write(_ head: LogHead) throws(FileFault) {
    sequence += 1
    var bytes = Self.magic
    for word in [sequence, UInt64(bitPattern: head.position)] {
      bytes += (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
    }
    bytes += head.hash
    bytes += SHA256.hash(bytes)
    try file.write(bytes, at: Int(sequence % 2) * Self.slotSize)
    try file.syncData()
  }

  private static func readSlot(
    _ file: borrowing OpenFile, _ index: Int
  ) throws(FileFault) -> (sequence: UInt64, head: LogHead)? {
    let size = magic.count + 16 + 32 + 32
    let bytes = try file.read(from: index * slotSize, atMost: size)
    guard bytes.count == size, Array(bytes.prefix(magic.count)) == magic,
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
