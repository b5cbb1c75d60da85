// A pack (gitformat-pack(5)) of a few new objects for the standard input of `git unpack-objects`,
// so that one process validates, compresses and writes blob, trees and commit.

import Cryptography

enum Pack {
  static func encode(_ objects: [GitObject]) -> [UInt8] {
    var pack: [UInt8] = Array("PACK".utf8)
    pack += bigEndian(2) + bigEndian(UInt32(objects.count))
    for object in objects {
      pack += header(object)
      pack += stored(object.content)
    }
    return pack + SHA1.hash(pack)
  }

  private static func header(_ object: GitObject) -> [UInt8] {
    let type: UInt8 =
      switch object.kind {
      case .commit: 1
      case .tree: 2
      case .blob: 3
      case .tag: 4
      }
    var size = object.content.count
    var bytes: [UInt8] = []
    var byte = type << 4 | UInt8(size & 15)
    size >>= 4
    while size > 0 {
      bytes.append(byte | 0x80)
      byte = UInt8(size & 0x7f)
      size >>= 7
    }
    return bytes + [byte]
  }

  /// An uncompressed zlib stream (RFC 1950): git compresses the object when it writes it.
  private static func stored(_ content: [UInt8]) -> [UInt8] {
    var stream: [UInt8] = [0x78, 0x01]
    var start = 0
    repeat {
      let end = min(start + 0xffff, content.count)
      let length = UInt16(end - start)
      stream.append(end == content.count ? 1 : 0)
      for half in [length, ~length] { stream += [UInt8(half & 0xff), UInt8(half >> 8)] }
      stream += content[start..<end]
      start = end
    } while start < content.count
    return stream + bigEndian(adler32(content))
  }

  private static func adler32(_ content: [UInt8]) -> UInt32 {
    var low: UInt32 = 1
    var high: UInt32 = 0
    // The largest block that cannot overflow 32 bits between two reductions (RFC 1950).
    var start = 0
    while start < content.count {
      let end = min(start + 5552, content.count)
      for byte in content[start..<end] {
        low &+= UInt32(byte)
        high &+= low
      }
      low %= 65521
      high %= 65521
      start = end
    }
    return high << 16 | low
  }

  private static func bigEndian(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * UInt32($0))) }
  }
}
