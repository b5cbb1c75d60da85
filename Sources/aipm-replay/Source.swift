import EventLog
import FoundationEssentials
import Glibc
import SQLiteEventStore

/// Where the events come from.
enum Source {
  case folder(LogFile)
  case export(Export)

  /// How many events there are; nil where that is not known before they were read.
  func length() throws -> Int64? {
    switch self {
    case .folder(let file): try file.head().position
    case .export: nil
    }
  }

  /// Hands the events to `body` in order, until it returns false.
  func scan(_ body: (StoredEvent) throws -> Bool) throws {
    switch self {
    case .folder(let file): try file.scan(after: 0, body)
    case .export(let export): try export.scan(body)
    }
  }
}

/// A file with one envelope a line.
final class Export {
  private static let readSize = 1 << 18
  private let path: String

  init(path: String) throws {
    guard access(path, R_OK) == 0 else { throw NotFound(what: "cannot read \(path)") }
    self.path = path
  }

  func scan(_ body: (StoredEvent) throws -> Bool) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw NotFound(what: "cannot read \(path)") }
    defer { close(descriptor) }
    var rest: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: Self.readSize)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count >= 0 else {
        throw StoreFault(operation: "read \(path)", message: String(cString: strerror(errno)))
      }
      rest += chunk[..<count]
      let isEnd = count == 0
      var start = rest.startIndex
      while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
        if try !take(rest[start..<end], body) { return }
        start = end + 1
      }
      rest.removeSubrange(..<start)
      if isEnd {
        _ = try take(rest[...], body)
        return
      }
    }
  }

  private func take(_ line: ArraySlice<UInt8>, _ body: (StoredEvent) throws -> Bool) throws -> Bool
  {
    if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }) { return true }
    return try body(StoredEvent(exported: Array(line)))
  }
}
