import NIOCore
import NetworkRules
import Randomness
import Testing

@testable import Egress

/// Spoiled input never crashes a parser, and what passes satisfies a second reader.
///
/// On threads of their own: the pool of tasks is small, and the proxies of other tests need it.
@Suite(.timeLimit(.minutes(5))) struct FuzzTests {
  @Test func heads() async throws { try await onThread { Self.manyHeads() } }
  @Test func hellos() async throws { try await onThread { Self.manyHellos() } }
  @Test func bodies() async throws { try await onThread { Self.manyBodies() } }

  private static func manyHeads() {
    var dice = Seeded(1)
    let seeds = [
      "CONNECT a.test.org:443 HTTP/1.1\r\nHost: a.test.org:443\r\n\r\n",
      "GET http://a.test.org/p HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST http://b.org:81/ HTTP/1.0\r\nContent-Length: 3\r\n\r\n",
      "PUT http://a.b/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX:y\r\n\r\n",
    ].map { Array($0.utf8) }
    var accepted = 0
    for _ in 0..<250_000 {
      var bytes = seeds[dice.below(seeds.count)]
      dice.spoil(&bytes)
      var scanner = HeadScanner()
      guard case .end(let count) = scanner.scan(ByteBuffer(bytes: bytes).readableBytesView),
        let head = try? RequestHead(parsing: Array(bytes[..<count]))
      else { continue }
      accepted += 1
      if !Self.isSane(Array(bytes[..<count]), head) {
        Issue.record("\(String(decoding: bytes, as: UTF8.self)) as \(head)")
        return
      }
    }
    #expect(accepted > 10_000)
  }

  /// Rewritten from the parsed head, the first line is unchanged, and the fields that
  /// determine the body occur once.
  private static func isSane(_ bytes: [UInt8], _ head: RequestHead) -> Bool {
    let text = String(decoding: bytes, as: UTF8.self)
    let lines = text.components("\r\n")
    guard lines.suffix(2) == ["", ""], !lines.dropLast(2).contains("") else { return false }
    let target: String
    switch head.target {
    case .tunnel(let host, let port): target = "\(String(decoding: host, as: UTF8.self)):\(port)"
    case .origin(let path): target = String(decoding: path, as: UTF8.self)
    case .absolute(let host, let port, let path):
      let (name, path) = (
        String(decoding: host, as: UTF8.self), String(decoding: path, as: UTF8.self)
      )
      let forms = ["", ":\(port)"].flatMap { port in
        [path, path.first == "/" ? String(path.dropFirst()) : path].map { "//\(name)\(port)\($0)" }
      }
      guard let colon = lines[0].firstIndex(of: ":"),
        forms.contains(where: { lines[0][colon...].hasPrefix(":" + $0 + " HTTP/1.") })
      else { return false }
      return hasOneFraming(lines)
    }
    let version = head.isHTTP11 ? "HTTP/1.1" : "HTTP/1.0"
    return lines[0] == "\(head.method) \(target) \(version)" && hasOneFraming(lines)
  }

  private static func hasOneFraming(_ lines: [String]) -> Bool {
    let names = lines.dropFirst().map { $0.prefix { $0 != ":" }.lowercased() }
    return names.count { $0 == "content-length" || $0 == "transfer-encoding" } <= 1
      && names.count { $0 == "host" } <= 1 && !names.contains { $0.hasSuffix(" ") }
  }

  private static func manyHellos() {
    var dice = Seeded(2)
    let seeds = [Hello().bytes(), Hello().bytes(record: 40), Hello("b.org").bytes(record: 3)]
    var accepted = 0
    for _ in 0..<150_000 {
      var bytes = seeds[dice.below(seeds.count)]
      dice.spoil(&bytes)
      guard case .name(let name) = ClientHello.inspect(ByteBuffer(bytes: bytes).readableBytesView)
      else { continue }
      accepted += 1
      if Self.names(in: bytes) != [name] {
        Issue.record("\(bytes) names \(Self.names(in: bytes)), not \(name)")
        return
      }
    }
    #expect(accepted > 10_000)
  }

  /// All server names of a hello, by a reader that believes its lengths and follows them.
  private static func names(in bytes: [UInt8]) -> [[UInt8]] {
    var message: [UInt8] = []
    var place = 0
    func number(_ bytes: [UInt8], _ place: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { $0 << 8 | (place + $1 < bytes.count ? Int(bytes[place + $1]) : 0) }
    }
    while place + 5 <= bytes.count, bytes[place] == 22 {
      let end = min(bytes.count, place + 5 + number(bytes, place + 3, 2))
      message += bytes[(place + 5)..<end]
      place = end
    }
    var at = 4 + 34
    at += 1 + number(message, at, 1)
    at += 2 + number(message, at, 2)
    at += 1 + number(message, at, 1)
    let end = min(message.count, at + 2 + number(message, at, 2))
    at += 2
    var names: [[UInt8]] = []
    while at + 4 <= end {
      let (type, size) = (number(message, at, 2), number(message, at + 2, 2))
      if type == 0 {
        var entry = at + 6
        while entry + 3 <= at + 4 + size {
          let length = number(message, entry + 1, 2)
          names.append(
            Array(message[min(entry + 3, message.count)..<min(entry + 3 + length, message.count)]))
          entry += 3 + length
        }
      }
      at += 4 + size
    }
    return names
  }

  /// However a chunked body is cut, it is read alike; spoiled ones end in a fault or in an end.
  private static func manyBodies() {
    var dice = Seeded(3)
    let good = Array("5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nT: x\r\n\r\nrest".utf8)
    for round in 0..<100_000 {
      var bytes = good
      if round % 4 != 0 { dice.spoil(&bytes) }
      let whole = Self.read(bytes, cut: bytes.count)
      let cut = Self.read(bytes, cut: 1 + dice.below(5))
      guard whole == cut,
        round % 4 != 0 || whole == Outcome(body: "hello!", rest: "rest", isDone: true)
      else {
        Issue.record("\(String(decoding: bytes, as: UTF8.self)): \(whole) and \(cut)")
        return
      }
    }
  }

  private struct Outcome: Equatable {
    var body = ""
    var rest = ""
    var isDone = false
    var isFault = false
  }

  private static func read(_ bytes: [UInt8], cut: Int) -> Outcome {
    var decoder = BodyDecoder(.chunked)
    var outcome = Outcome()
    var buffer = ByteBuffer()
    var body: [UInt8] = []
    do throws(HeadFault) {
      for start in stride(from: 0, to: bytes.count, by: max(1, cut)) {
        buffer.writeBytes(bytes[start..<min(start + cut, bytes.count)])
        while let data = try decoder.next(&buffer) { body += data.readableBytesView }
      }
    } catch {
      outcome.isFault = true
    }
    outcome.isDone = decoder.isDone
    outcome.body = String(decoding: body, as: UTF8.self)
    if decoder.isDone { outcome.rest = String(decoding: buffer.readableBytesView, as: UTF8.self) }
    return outcome
  }
}
