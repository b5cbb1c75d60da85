import NIOCore

/// How the end of a message's body is determined.
enum BodyFraming: Equatable, Sendable {
  case length(Int)
  case chunked
  case untilClose

  /// The length of the body in bytes; nil if it is not known.
  var count: Int? { if case .length(let count) = self { count } else { nil } }
}

/// Reads the body of a message from a connection's bytes, and leaves the bytes after it.
struct BodyDecoder {
  private enum State: Equatable {
    case data(left: Int, isChunk: Bool)
    case chunkHead
    case chunkEnd
    case trailer(bytes: Int)
    case untilClose
    case done
  }

  /// A chunk's line with its extension. Extensions and trailers are dropped.
  private static let lineBytesMax = 256
  private static let trailerBytesMax = 4 << 10
  private var state: State

  init(_ framing: BodyFraming) {
    switch framing {
    case .length(0): state = .done
    case .length(let count): state = .data(left: count, isChunk: false)
    case .chunked: state = .chunkHead
    case .untilClose: state = .untilClose
    }
  }

  var isDone: Bool { state == .done }

  var endsWithConnection: Bool { state == .untilClose }

  /// The next part; nil at the end of the body, or if more bytes are needed.
  mutating func next(_ bytes: inout ByteBuffer) throws(HeadFault) -> ByteBuffer? {
    while true {
      switch state {
      case .done: return nil
      case .untilClose: return Self.take(&bytes, .max)
      case .data(let left, let isChunk):
        guard let data = Self.take(&bytes, left) else { return nil }
        let rest = left - data.readableBytes
        let end: State = isChunk ? .chunkEnd : .done
        state = rest == 0 ? end : .data(left: rest, isChunk: isChunk)
        return data
      case .chunkHead:
        guard let line = try Self.line(&bytes) else { return nil }
        let size = try Self.size(line)
        state = size == 0 ? .trailer(bytes: 0) : .data(left: size, isChunk: true)
      case .chunkEnd:
        guard bytes.readableBytes >= 2 else { return nil }
        guard bytes.readInteger(as: UInt16.self) == 0x0d0a else {
          throw HeadFault("a chunk is longer than its size")
        }
        state = .chunkHead
      case .trailer(let count):
        guard let line = try Self.line(&bytes) else { return nil }
        if line.isEmpty {
          state = .done
        } else {
          let sum = count + line.count
          guard sum <= Self.trailerBytesMax else { throw HeadFault("the trailers are too long") }
          state = .trailer(bytes: sum)
        }
      }
    }
  }

  /// At most so many bytes; nil without any.
  private static func take(_ bytes: inout ByteBuffer, _ countMax: Int) -> ByteBuffer? {
    bytes.readableBytes == 0 ? nil : bytes.readSlice(length: min(countMax, bytes.readableBytes))
  }

  /// A line without its end; nil if it is not complete yet.
  private static func line(_ bytes: inout ByteBuffer) throws(HeadFault) -> [UInt8]? {
    let view = bytes.readableBytesView.prefix(lineBytesMax + 1)
    for index in view.indices {
      let byte = view[index]
      if byte == 0x0a { throw HeadFault("a line feed has no carriage return before it") }
      if byte == 0x0d {
        let count = index - view.startIndex
        guard index + 1 < view.endIndex else { return try tooLong(view.count) }
        guard view[index + 1] == 0x0a else { throw HeadFault("a carriage return has no line feed") }
        let line = bytes.readBytes(length: count)
        bytes.moveReaderIndex(forwardBy: 2)
        return line
      }
      if byte < 0x20 && byte != 0x09 || byte == 0x7f {
        throw HeadFault("a chunk's line contains a control character")
      }
    }
    return try tooLong(view.count)
  }

  private static func tooLong(_ count: Int) throws(HeadFault) -> [UInt8]? {
    guard count <= lineBytesMax else { throw HeadFault("a chunk's line is too long") }
    return nil
  }

  /// Reads hexadecimal digits, followed by nothing or by an extension.
  private static func size(_ line: [UInt8]) throws(HeadFault) -> Int {
    let digits = line.prefix { Character(Unicode.Scalar($0)).isHexDigit && $0 < 0x80 }
    let rest = line.dropFirst(digits.count)
    guard (1...12).contains(digits.count), rest.isEmpty || rest.first == UInt8(ascii: ";"),
      let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw HeadFault("a chunk has no size") }
    return size
  }
}
