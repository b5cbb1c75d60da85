import Glibc
import Projections
import SystemCalls
import Text

/// The positions of receivers in the log, each in a file of its own, and in the files that servers
/// share, if the store has such.
struct DeliveryPositions: Sendable {
  let folder: String
  /// nil if the folder is the one place.
  var shared: (any SharedFiles)?

  private static let sharedFolder = "deliveries"

  private static let fileBytesMax = 64

  /// The position that any server wrote last. If the shared files do not answer, it is that of
  /// this machine: then some events may be sent again.
  /// - Returns: nil if the receiver is new.
  func last(_ key: String) async throws(DeliveryFault) -> Int64? {
    let found = try? await shared?.whole(
      "\(Self.sharedFolder)/\(key)", atMost: Self.fileBytesMax)
    if let position = found.flatMap({ Self.position($0) }) { return position }
    return try read(key)
  }

  /// - Returns: nil if the receiver is new on this machine.
  func read(_ key: String) throws(DeliveryFault) -> Int64? {
    let bytes: [UInt8]
    do throws(FileFault) {
      bytes = try DurableFile.read(path(key), atMost: Self.fileBytesMax)
    } catch {
      if error.code == ENOENT { return nil }
      throw DeliveryFault(description: error.description)
    }
    guard let position = Self.position(bytes) else {
      throw DeliveryFault(
        description: "\(path(key)) has no position in it")
    }
    return position
  }

  private static func position(_ bytes: [UInt8]) -> Int64? {
    Int64(String(decoding: bytes, as: UTF8.self).trimmedEnd).flatMap { $0 < 0 ? nil : $0 }
  }

  /// Writes the position on this machine and for all servers.
  /// - Throws: `FileFault`, `SharedFileFault`.
  func keep(_ position: Int64, for key: String) async throws {
    try write(position, for: key)
    try await shared?.replace("\(Self.sharedFolder)/\(key)", with: Array("\(position)\n".utf8))
  }

  func write(_ position: Int64, for key: String) throws(FileFault) {
    try DurableFile.replace(path(key), with: "\(position)\n".utf8)
  }

  /// Removes the positions of other receivers from the shared files.
  /// - Throws: `SharedFileFault`.
  func forgetShared(allBut keys: Set<String>) async throws {
    for name in try await shared?.names(in: Self.sharedFolder) ?? [] where !keys.contains(name) {
      try await shared?.remove("\(Self.sharedFolder)/\(name)")
    }
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
