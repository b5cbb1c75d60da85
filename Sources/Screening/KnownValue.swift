import FoundationEssentials
import Text

/// A credential with a known value, in every encoding in which it may get into files by accident.
struct KnownValue: Sendable {
  struct Form: Sendable {
    let bytes: [UInt8]
    /// Whether line breaks may occur anywhere in it, as in base64.
    let isWrapped: Bool
  }

  /// A shorter value would match too much other text.
  static let bytesMin = 8

  let bytes: [UInt8]

  /// The lines of a value that are searched. The first and last lines of a PEM file are not secret.
  static func lines(of value: String) -> [KnownValue] {
    value.utf8.split { $0 == 10 || $0 == 13 }.filter {
      $0.count >= bytesMin && !$0.starts(with: "-----".utf8)
    }.map { KnownValue(bytes: Array($0)) }
  }

  /// Whether a change that contains the value can be refused. Settings, addresses and paths may be
  /// in a variable of any name, and a text that equals one of those is no leak.
  var isDistinct: Bool {
    let isAddress =
      bytes.starts(with: "http://".utf8) || bytes.starts(with: "https://".utf8)
    if isAddress, !bytes.contains(UInt8(ascii: "@")) { return false }
    if bytes.first == UInt8(ascii: "/") || bytes.starts(with: "~/".utf8) { return false }
    let hasDigit = bytes.contains { (48...57).contains($0) }
    let hasLetter = bytes.contains { (97...122).contains($0 | 0x20) }
    return hasDigit && hasLetter || bytes.count >= 20
  }

  var forms: [Form] {
    var forms = [
      Form(bytes: bytes, isWrapped: false),
      Form(bytes: Array(Hex.encode(bytes).utf8), isWrapped: false),
      Form(bytes: Array(Hex.encode(bytes).uppercased().utf8), isWrapped: false),
    ]
    for shift in 0..<3 {
      let plain = Self.base64(bytes, shift: shift)
      forms.append(Form(bytes: plain, isWrapped: true))
      let forURLs = plain.map { byte in
        switch byte {
        case UInt8(ascii: "+"): UInt8(ascii: "-")
        case UInt8(ascii: "/"): UInt8(ascii: "_")
        default: byte
        }
      }
      if forURLs != plain { forms.append(Form(bytes: forURLs, isWrapped: true)) }
    }
    let others = [
      Percent.encode(bytes), Self.inString(bytes, escaping: "\"\\"),
      // JSON may escape a slash too, and some writers of it do.
      Self.inString(bytes, escaping: "\"\\/"),
    ]
    for encoded in Set(others).subtracting([bytes]) {
      forms.append(Form(bytes: encoded, isWrapped: false))
    }
    return forms
  }

  /// The base64 digits that depend on the value alone, if `shift` bytes precede it in its group.
  private static func base64(_ bytes: [UInt8], shift: Int) -> [UInt8] {
    let all = Array(repeating: 0, count: shift) + bytes
    let digits = Data(all).base64EncodedString().utf8.prefix(all.count * 8 / 6)
    return Array(digits.dropFirst((shift * 8 + 5) / 6))
  }

  /// The value within quotes in JSON and in most languages.
  private static func inString(_ bytes: [UInt8], escaping escaped: String) -> [UInt8] {
    bytes.flatMap { byte in
      escaped.utf8.contains(byte) ? [UInt8(ascii: "\\"), byte] : [byte]
    }
  }
}
