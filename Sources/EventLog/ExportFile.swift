import Glibc

/// A file of any size that is read line by line.
package struct LineFile: Sendable {
  private static let readSize = 1 << 18
  /// A longer line is not part of an export.
  private static let lineMax = 64 << 20

  package let path: String

  /// - Throws: `StoreFault` if the file cannot be read.
  package init(path: String) throws(StoreFault) {
    guard access(path, R_OK) == 0 else {
      throw StoreFault(operation: "read \(path)", message: String(cString: strerror(errno)))
    }
    self.path = path
  }

  /// Passes each line that is not blank to `body`, in order, until it returns false.
  package func forEachLine(_ body: ([UInt8]) throws -> Bool) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw fault() }
    defer { close(descriptor) }
    var rest: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: Self.readSize)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw fault() }
      rest += chunk[..<count]
      var start = rest.startIndex
      while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
        if try !take(rest[start..<end], body) { return }
        start = end + 1
      }
      rest.removeSubrange(..<start)
      guard rest.count <= Self.lineMax else {
        throw StoreFault(operation: "read \(path)", message: "a line has no end")
      }
      if count == 0 {
        _ = try take(rest[...], body)
        return
      }
    }
  }

  private func take(_ line: ArraySlice<UInt8>, _ body: ([UInt8]) throws -> Bool) throws -> Bool {
    if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }) { return true }
    return try body(Array(line))
  }

  private func fault() -> StoreFault {
    StoreFault(operation: "read \(path)", message: String(cString: strerror(errno)))
  }
}

/// A whole log in a file, one envelope a line.
package struct ExportFile: Sendable {
  private let file: LineFile

  /// - Throws: `StoreFault` if the file cannot be read.
  package init(path: String) throws(StoreFault) { file = try LineFile(path: path) }

  /// Passes the events to `body` in order, until it returns false.
  /// - Throws: `StoreFault`, `CodecFault` for a line that is not an envelope, and errors of `body`.
  package func scan(_ body: (StoredEvent) throws -> Bool) throws {
    try file.forEachLine { try body(StoredEvent(exported: $0)) }
  }
}
