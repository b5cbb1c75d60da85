// Writes a merged definition as YAML.

import Yams

/// Writes a definition canonically: equal definitions give equal texts, and parsing the text gives
/// an equal definition.
enum WorkflowText {
  /// - Parameters:
  ///   - node: mappings with texts as keys, lists and scalars.
  ///   - bytesMax: the maximum size of the text.
  /// - Returns: nil if it would be larger.
  static func of(_ node: Node, bytesMax: Int) -> String? {
    var writer = Writer(bytesMax: bytesMax)
    writer.block(node, indent: 0)
    return writer.isFull ? nil : writer.text
  }

  private struct Writer {
    let bytesMax: Int
    var text = ""
    var isFull: Bool { text.utf8.count > bytesMax }

    /// A mapping or list with lines that begin at `indent`.
    mutating func block(_ node: Node, indent: Int) {
      guard !isFull else { return }
      let margin = String(repeating: " ", count: indent)
      switch node {
      case .mapping(let mapping):
        for (key, value) in mapping {
          text += margin + WorkflowText.inline(key) + ":"
          self.value(value, indent: indent + 2)
        }
      case .sequence(let items):
        for item in items {
          text += margin + "-"
          self.value(item, indent: indent + 2)
        }
      case .scalar, .alias: text += margin + WorkflowText.inline(node) + "\n"
      }
    }

    /// The value after a key or a dash.
    private mutating func value(_ node: Node, indent: Int) {
      switch node {
      case .mapping(let mapping) where mapping.isEmpty: text += " {}\n"
      case .sequence(let items) where items.isEmpty: text += " []\n"
      case .mapping, .sequence:
        text += "\n"
        block(node, indent: indent)
      case .scalar(let scalar):
        if let lines = WorkflowText.literal(scalar, indent: indent) {
          text += " " + lines
        } else {
          text += " " + WorkflowText.inline(node) + "\n"
        }
      case .alias: text += " " + WorkflowText.inline(node) + "\n"
      }
    }
  }

  /// A text of several lines as a literal block (YAML 1.2, section 8.1.2); nil if it cannot be one.
  private static func literal(_ scalar: Node.Scalar, indent: Int) -> String? {
    let lines = scalar.string.split(separator: "\n", omittingEmptySubsequences: false)
    guard scalar.isText, lines.count > 1, lines.last?.isEmpty == true,
      lines.contains(where: { !$0.isEmpty }), lines.dropLast().last?.isEmpty == false,
      lines[0].first != " ", lines[0].first != "\t", !lines[0].isEmpty,
      scalar.string.unicodeScalars.allSatisfy({ $0 == "\n" || isPlain($0) })
    else { return nil }
    let margin = String(repeating: " ", count: indent)
    let text = lines.dropLast().map { $0.isEmpty ? "" : margin + $0 }
    return "|\n" + text.joined(separator: "\n") + "\n"
  }

  /// Whether a character needs no escape in a block or a plain text.
  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20..<0x7f, 0xa0..<0x2028, 0x202a..<0xd800, 0xe000..<0xfeff, 0xff00..<0xfffe,
      0x10000...0x10ffff:
      true
    case _: false
    }
  }

  /// A scalar on one line.
  private static func inline(_ node: Node) -> String {
    guard case .scalar(let scalar) = node else { return "\"\"" }
    // A value that is not a text (a number, true, null) was written without quotes.
    guard scalar.isText else { return scalar.string }
    if scalar.style == .plain, isSimple(scalar.string) { return scalar.string }
    return quoted(scalar.string)
  }

  /// Whether a text is a plain scalar in any position.
  private static func isSimple(_ text: String) -> Bool {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: " "):
        true
      case _: false
      }
    }
    guard isPlain, let first = text.utf8.first, let last = text.utf8.last else { return false }
    return !" -".utf8.contains(first) && last != UInt8(ascii: " ")
  }

  /// In double quotes (YAML 1.2, section 7.3.1).
  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      case _ where isPlain(scalar): out.unicodeScalars.append(scalar)
      case _:
        let digits = String(scalar.value, radix: 16)
        out += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
      }
    }
    return out + "\""
  }
}

extension Node.Scalar {
  /// Whether it is a text, and not a number or another type.
  fileprivate var isText: Bool { Node.scalar(self).tag == Tag(.str) }
}
