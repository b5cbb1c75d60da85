import Dispatch
import RawSockets

/// One connection that stays, for one request after the other. It blocks its thread, and costs as
/// little as a client can.
final class PlainHTTP {
  private let socket: RawClient
  private let head: String
  private var received: [UInt8] = []

  /// - Parameters:
  ///   - url: of the server, such as `http://127.0.0.1:8080`.
  ///   - headers: sent with each request, as lines that end with `\r\n`.
  init(_ url: String, headers: String = "") throws {
    guard let port = url.split(separator: ":").last.flatMap({ Int($0) }) else {
      throw BenchFault(description: "no port in \(url)")
    }
    socket = try RawClient(port: port)
    head = "Host: 127.0.0.1\r\n" + headers
  }

  struct Response {
    var status: Int
    var body: [UInt8]
  }

  /// Sends a request and waits for its response.
  /// - Throws: if the connection ends before.
  /// - Parameter headers: more of them, as lines.
  func call(
    _ method: String, _ target: String, _ body: String? = nil, headers: String = ""
  ) throws -> Response {
    send(method, target, body, headers: headers)
    return try response()
  }

  /// Sends a request; `response` has to be called for each.
  func send(_ method: String, _ target: String, _ body: String? = nil, headers: String = "") {
    let length = body.map {
      "Content-Type: application/json\r\nContent-Length: \($0.utf8.count)\r\n"
    }
    socket.send("\(method) \(target) HTTP/1.1\r\n\(head)\(headers)\(length ?? "")\r\n\(body ?? "")")
  }

  func response() throws -> Response {
    let end = Array("\r\n\r\n".utf8)
    var headEnd: Int?
    while true {
      headEnd = received.firstRange(of: end)?.upperBound
      if headEnd != nil { break }
      try more()
    }
    guard let headEnd else { throw BenchFault(description: "no response") }
    let lines = String(decoding: received[..<headEnd], as: UTF8.self).split(separator: "\r\n")
    let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    var length = 0
    for line in lines where line.lowercased().hasPrefix("content-length:") {
      length = Int(line.drop { $0 != ":" }.dropFirst().drop { $0 == " " }) ?? 0
    }
    while received.count < headEnd + length { try more() }
    let body = Array(received[headEnd..<headEnd + length])
    received.removeFirst(headEnd + length)
    return Response(status: status, body: body)
  }

  private func more() throws {
    let chunk = socket.receive()
    guard !chunk.isEmpty else { throw BenchFault(description: "the server closed the connection") }
    received += chunk
  }
}

/// Runs `body` on so many threads, each with its own number, and collects what they return.
func onThreads<Value: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (_ n: Int) throws -> [Value]
) async throws -> [Value] {
  try await withThrowingTaskGroup(of: [Value].self) { group in
    for n in 0..<count {
      group.addTask {
        try await withCheckedThrowingContinuation { caller in
          DispatchQueue(label: "bench-\(n)").async {
            caller.resume(with: Result { try body(n) })
          }
        }
      }
    }
    return try await group.reduce(into: []) { $0 += $1 }
  }
}

/// The value that `percent` of 100 do not exceed.
func percentile(_ percent: Int, of values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * percent / 100)]
}
