/// A TLS hello of which a test can turn every knob.
struct Hello {
  /// The entries of the server name's list; nil for no such extension.
  var names: [[UInt8]]? = [Array("a.test.org".utf8)]
  var nameType: UInt8 = 0
  /// Types of further extensions, with one byte of content each.
  var extensions: [UInt16] = [43, 13]
  var sessionBytes = 32
  var suites = 8
  var isWithoutExtensions = false

  init(_ name: String = "a.test.org") { names = [Array(name.utf8)] }

  private static func number(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * (bytes - 1 - $0))) }
  }

  static func vector(_ content: [UInt8], _ bytes: Int) -> [UInt8] {
    number(content.count, bytes) + content
  }

  /// The handshake message.
  var message: [UInt8] {
    var body: [UInt8] = [3, 3] + Array(repeating: 7, count: 32)
    body += Self.vector(Array(repeating: 9, count: sessionBytes), 1)
    body += Self.vector(Array(repeating: 1, count: suites), 2) + [1, 0]
    var all: [UInt8] = []
    for type in extensions { all += Self.number(Int(type), 2) + Self.vector([0], 2) }
    if let names {
      let list = names.flatMap { [nameType] + Self.vector($0, 2) }
      all += [0, 0] + Self.vector(Self.vector(list, 2), 2)
    }
    if !isWithoutExtensions { body += Self.vector(all, 2) }
    return [1] + Self.vector(body, 3)
  }

  /// In records of at most so many bytes.
  func bytes(record: Int = 16_384) -> [UInt8] { Self.records(message, size: record) }

  static func records(_ message: [UInt8], size: Int = 16_384, type: UInt8 = 22) -> [UInt8] {
    stride(from: 0, to: message.count, by: size).flatMap { start in
      [type, 3, 1] + vector(Array(message[start..<min(start + size, message.count)]), 2)
    }
  }
}
