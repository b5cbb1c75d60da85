// The memory of the program's own code.

import Glibc
import SystemCalls

enum ProgramPages {
  /// Releases pages of code that only the start needed: the worker lives for days, and the system
  /// caches a page that is used again. Only mappings of executable, read-only files are released;
  /// they contain no data of this process (madvise(2)).
  static func release() {
    guard let bytes = try? DurableFile.read("/proc/self/maps", atMost: 1 << 20) else { return }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      // proc(5): address, permissions, offset, device, inode, path.
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { continue }
      let ends = fields[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
      guard ends.count == 2, ends[0] < ends[1] else { continue }
      _ = madvise(
        UnsafeMutableRawPointer(bitPattern: ends[0]), Int(ends[1] - ends[0]), MADV_DONTNEED)
    }
  }
}
