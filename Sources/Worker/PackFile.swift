import Cryptography
import Glibc
import Synchronization
import SystemCalls
import Text

extension DurableFile {
  /// SHA-256 of the whole content, in hex.
  static func digest(_ path: String) throws(FileFault) -> String {
    let file = try OpenFile(path, O_RDONLY)
    var hash = SHA256()
    var offset = 0
    while true {
      let bytes = try file.read(from: offset, atMost: 1 << 18)
      if bytes.isEmpty { return Hex.encode(hash.finish()) }
      hash.update(bytes)
      offset += bytes.count
    }
  }
}

/// A file that is written in pieces from a callback; `finish` throws the first fault.
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
