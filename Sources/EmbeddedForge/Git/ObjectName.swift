// Names of git objects, and new objects with their content.

import Cryptography
import Text

/// The SHA-1 name of an object, as 40 lower-case hexadecimal digits.
struct ObjectName: Hashable, Sendable, CustomStringConvertible {
  let hex: String

  /// nil unless the text is a full object name.
  init?(_ text: some StringProtocol) {
    guard text.utf8.count == 40, text.utf8.allSatisfy(Self.isHex) else { return nil }
    hex = String(text)
  }

  /// The name of an object with this type and content.
  init(of type: GitObject.Kind, _ content: [UInt8]) {
    self.init(raw: SHA1.hash(Array("\(type.rawValue) \(content.count)\0".utf8), content))
  }

  /// - Parameter raw: 20 bytes.
  init(raw: some Sequence<UInt8>) {
    hex = Hex.encode(raw)
  }

  /// The name that means "no ref" in an update.
  static var zero: ObjectName { ObjectName(raw: repeatElement(0, count: 20)) }

  var raw: [UInt8] { Hex.decode(hex) ?? [] }

  var description: String { hex }

  private static func isHex(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}

/// An object with its content.
struct GitObject: Sendable, Equatable {
  enum Kind: String, Sendable {
    case blob, tree, commit, tag
  }

  let kind: Kind
  let content: [UInt8]
  let id: ObjectName

  init(_ kind: Kind, _ content: [UInt8]) {
    self.kind = kind
    self.content = content
    id = ObjectName(of: kind, content)
  }

  /// An object that git returned under this name.
  init(_ kind: Kind, _ content: [UInt8], id: ObjectName) {
    self.kind = kind
    self.content = content
    self.id = id
  }
}
