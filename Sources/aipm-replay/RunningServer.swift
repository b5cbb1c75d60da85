import EventLog
import FoundationEssentials
import Glibc
import Text

/// The server that has a data folder open. This program links no HTTP client, so that it cannot
/// reach a forge. Its only call uses its own socket, and connects only to this machine.
struct RunningServer {
  private static let timeoutSeconds = 900
  private static let answerMax = 16 << 20

  let folder: String

  /// Requests a rebuild of the views, and waits for its end.
  /// - Returns: the result.
  func rebuild() throws -> JSONValue {
    let text = try? String(contentsOfFile: folder + "/address", encoding: .utf8)
    guard let line = text?.split(separator: "\n").first, let target = Target(String(line)) else {
      throw fault("it has not written its address yet: try again in a moment")
    }
    let answer = try exchange(target)
    guard let head = answer.firstRange(of: Array("\r\n\r\n".utf8)) else {
      throw fault("it gave no answer")
    }
    let json = try? JSONValue(json: Array(answer[head.upperBound...]))
    let status = String(decoding: answer.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
      .split(separator: " ").dropFirst().first
    guard status == "200", let json else {
      throw fault(json?["detail"].stringValue ?? "it answered \(status ?? "nothing")")
    }
    return json
  }

  private func fault(_ message: String) -> StoreFault {
    StoreFault(operation: "rebuild through the running server", message: message)
  }

  /// `http://HOST:PORT/PREFIX`, with this machine as the host.
  private struct Target {
    var host: String
    var port: UInt16
    var prefix: String

    init?(_ address: String) {
      guard address.hasPrefix("http://") else { return nil }
      let rest = address.dropFirst("http://".count)
      let authority = rest.prefix { $0 != "/" }
      guard let colon = authority.lastIndex(of: ":"),
        let port = UInt16(authority[authority.index(after: colon)...])
      else { return nil }
      host = String(authority[..<colon].filter { $0 != "[" && $0 != "]" })
      self.port = port
      prefix = String(rest.dropFirst(authority.count))
    }
  }

  private func exchange(_ target: Target) throws -> [UInt8] {
    let socket = try connected(target)
    defer { close(socket) }
    let request = Array(
      """
      POST \(target.prefix)/api/views/rebuild HTTP/1.1\r
      Host: \(target.host.contains(":") ? "[\(target.host)]" : target.host):\(target.port)\r
      Content-Length: 0\r
      Connection: close\r
      \r

      """.utf8)
    guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
      throw fault(String(cString: strerror(errno)))
    }
    var answer: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while answer.count < Self.answerMax {
      let count = recv(socket, &chunk, chunk.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw fault(String(cString: strerror(errno))) }
      if count == 0 { break }
      answer += chunk[..<count]
    }
    return answer
  }

  private func connected(_ target: Target) throws -> Int32 {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(target.host, String(target.port), &hints, &found) == 0 else {
      throw fault("its address \(target.host) is not known")
    }
    defer { freeaddrinfo(found) }
    var next = found
    while let address = next {
      let info = address.pointee
      let socket = Glibc.socket(
        info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), info.ai_protocol)
      var limit = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
      setsockopt(
        socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      if socket >= 0, connect(socket, info.ai_addr, info.ai_addrlen) == 0 { return socket }
      if socket >= 0 { close(socket) }
      next = info.ai_next
    }
    throw fault("it was not reached on \(target.host):\(target.port)")
  }
}
