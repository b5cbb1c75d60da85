import Glibc
import SystemCalls
import Text

/// The positions of receivers in the log, each in a file of its own.
struct DeliveryPositions: Sendable {
  let folder: String

  private static let fileBytesMax = 64

  /// - Returns: nil if the receiver is new.
  func read(_ key: String) throws(DeliveryFault) -> Int64? {
    let bytes: [UInt8]
    do throws(FileFault) {
      bytes = try DurableFile.read(path(key), atMost: Self.fileBytesMax)
    } catch {
      if error.code == ENOENT { return nil }
      throw DeliveryFault(description: error.description)
    }
    guard let position = Int64(String(decoding: bytes, as: UTF8.self).trimmedEnd), position >= 0
    else {
      throw DeliveryFault(
        description: "\(path(key)) has no position in it")
    }
    return position
  }

  func write(_ position: Int64, for key: String) throws(FileFault) {
    try DurableFile.replace(path(key), with: "\(position)\n".utf8)
  }

  /// Removes the positions of other receivers. One that is configured again later is new.
  func forget(allBut keys: Set<String>) throws(DeliveryFault) {
    guard let open = opendir(folder) else {
      throw DeliveryFault(description: FileFault.last("open", folder).description)
    }
    defer { closedir(open) }
    while let entry = readdir(open) {
      let bytes = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      let name = String(decoding: bytes, as: UTF8.self)
      if name != ".", name != "..", !keys.contains(name) { unlink(path(name)) }
    }
  }

  private func path(_ key: String) -> String { "\(folder)/\(key)" }
}

/// Why deliveries cannot begin.
package struct DeliveryFault: Error, Sendable, CustomStringConvertible {
  package let description: String
}
