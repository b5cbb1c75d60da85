/// Removes terminal sequences and control characters from a stream (ECMA-48; xterm's control
/// sequences), so that a terminal only shows text. Line ends and tabs stay.
package struct TerminalFilter: Sendable {
  private enum State {
    case text
    /// After an escape.
    case escaped
    /// In a control sequence, until its last byte.
    case sequence
    /// In a string for the terminal, such as its title, until its end or the line's end.
    case string
    /// An escape within such a string: the first half of its end.
    case stringEscaped
  }

  private var state = State.text
  /// The first byte of what may be a control character from U+0080 to U+009F.
  private var holdsLead = false

  package init() {}

  /// The visible bytes of the next piece of the stream.
  package mutating func take(_ bytes: some Collection<UInt8>) -> [UInt8] {
    let all = Array(bytes)
    var out: [UInt8] = []
    out.reserveCapacity(all.count)
    all.withUnsafeBufferPointer { all in
      var at = 0
      while at < all.count {
        if case .text = state, !holdsLead {
          let end = Self.plainEnd(of: all, from: at)
          out.append(contentsOf: UnsafeBufferPointer(rebasing: all[at..<end]))
          at = end
          if at == all.count { break }
        }
        take(all[at], &out)
        at += 1
      }
    }
    return out
  }

  /// The end of the bytes that text shows as they are. Most of an output is such text, so this
  /// loop has no calls, which are slow in a debug build.
  private static func plainEnd(of all: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    guard let base = all.baseAddress else { return start }
    var (at, end) = (start, all.count)
    while at < end {
      let byte = base[at]
      if byte < 0x20 ? byte != 0x0a && byte != 0x09 : byte == 0x7f || byte == 0xc2 { end = at }
      at += 1
    }
    return end
  }

  private mutating func take(_ byte: UInt8, _ out: inout [UInt8]) {
    switch state {
    case .text: takeText(byte, &out)
    case .escaped:
      state = .text
      switch byte {
      case UInt8(ascii: "["): state = .sequence
      // An operating system command, a device control string, and the like.
      case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"),
        UInt8(ascii: "_"):
        state = .string
      case 0x1b: state = .escaped
      // An intermediate byte: the next one ends the sequence.
      case 0x20...0x2f: state = .escaped
      case 0x0a: out.append(byte)
      case _: break
      }
    case .sequence:
      switch byte {
      case 0x40...0x7e: state = .text
      case 0x1b: state = .escaped
      case 0x20...0x3f: break
      // An invalid byte: this was not a sequence.
      case _:
        state = .text
        takeText(byte, &out)
      }
    case .string:
      switch byte {
      case 0x07: state = .text
      case 0x1b: state = .stringEscaped
      case 0x0a:
        state = .text
        out.append(byte)
      case _: break
      }
    case .stringEscaped:
      state = .text
      if byte != UInt8(ascii: "\\") {
        state = .escaped
        take(byte, &out)
      }
    }
  }

  private mutating func takeText(_ byte: UInt8, _ out: inout [UInt8]) {
    if holdsLead {
      holdsLead = false
      switch byte {
      case 0x9b: state = .sequence
      case 0x90, 0x98, 0x9d, 0x9e, 0x9f: state = .string
      case 0x80...0x8f, 0x91...0x97, 0x99, 0x9a, 0x9c: break
      case _:
        out.append(0xc2)
        takeText(byte, &out)
      }
      return
    }
    switch byte {
    case 0x1b: state = .escaped
    case 0x09, 0x0a: out.append(byte)
    case 0x00..<0x20, 0x7f: break
    case 0xc2: holdsLead = true
    case _: out.append(byte)
    }
  }

  /// The visible bytes of a whole text.
  package static func filtered(_ text: some Collection<UInt8>) -> [UInt8] {
    var filter = TerminalFilter()
    return filter.take(text)
  }
}
