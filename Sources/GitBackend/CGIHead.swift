// The head of a CGI response (RFC 3875, section 6): header fields up to an empty line. `Status` is
// the status of the response.

import HTTPTypes

struct CGIHead: Sendable, Equatable {
  var status: HTTPResponse.Status = .ok
  var headers: HTTPFields = [:]

  /// Collects bytes up to the empty line.
  struct Parser {
    private static let limit = 64 << 10
    private var collected: [UInt8] = []
    private var lineStart = 0
    private var head = CGIHead()

    /// - Returns: the head and the bytes after it; nil until the head is complete.
    mutating func parse(_ chunk: [UInt8]) throws(CGIFault) -> (CGIHead, ArraySlice<UInt8>)? {
      var index = collected.count
      collected += chunk
      while index < collected.count {
        defer { index += 1 }
        guard collected[index] == UInt8(ascii: "\n") else { continue }
        var line = collected[lineStart..<index]
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        lineStart = index + 1
        if line.isEmpty { return (head, collected[lineStart...]) }
        try take(String(decoding: line, as: UTF8.self))
      }
      if collected.count > Self.limit { throw .headTooLarge }
      return nil
    }

    private mutating func take(_ line: String) throws(CGIFault) {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, let name = HTTPField.Name(String(parts[0])) else {
        throw .malformedHead(line)
      }
      let value = String(parts[1].drop { $0 == " " })
      guard parts[0].lowercased() == "status" else {
        head.headers[name] = value
        return
      }
      guard let code = Int(value.prefix(3)), (200..<600).contains(code) else {
        throw .malformedHead(line)
      }
      head.status = HTTPResponse.Status(
        code: code, reasonPhrase: String(value.dropFirst(4)))
    }
  }
}
