/// Plain text from a paste out of web pages and terminals.
package enum PastedText {
  /// The text with line feeds as ends of lines, and without terminal colours and links (ECMA-48:
  /// control sequences and control strings). Other control characters stay; the validation of the
  /// text reports them.
  package static func plain(_ text: String) -> String {
    let needs = text.unicodeScalars.contains { $0 == "\r" || $0 == "\u{1b}" || $0 == "\u{9b}" }
    guard needs else { return text }
    var out = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\r":
        if rest.first == "\n" { rest.removeFirst() }
        out.append("\n")
      case "\u{1b}":
        if let end = sequence(after: rest) { rest = rest[end...] } else { out.append(scalar) }
      case "\u{9b}":
        if let end = control(rest) { rest = rest[end...] } else { out.append(scalar) }
      case _: out.append(scalar)
      }
    }
    return String(out)
  }

  /// The same for a text of one line: ends of lines at its end are removed.
  package static func plainLine(_ text: String) -> String {
    var scalars = plain(text).unicodeScalars
    while scalars.last == "\n" { scalars.removeLast() }
    return String(scalars)
  }

  private typealias Rest = Substring.UnicodeScalarView

  /// - Parameter rest: the text behind an escape.
  /// - Returns: the end of the sequence; nil if no sequence begins here.
  private static func sequence(after rest: Rest) -> Rest.Index? {
    switch rest.first {
    case nil: return nil
    case "["?: return control(rest.dropFirst())
    // Operating system command, device control, start of string, privacy message, application.
    case "]"?, "P"?, "X"?, "^"?, "_"?: return string(rest.dropFirst())
    case _:
      let rest = rest.drop { (0x20...0x2f).contains($0.value) }
      guard let final = rest.first, (0x30...0x7e).contains(final.value) else { return nil }
      return rest.index(after: rest.startIndex)
    }
  }

  /// The end of a control sequence whose introducer was read.
  private static func control(_ rest: Rest) -> Rest.Index? {
    let rest = rest.drop { (0x30...0x3f).contains($0.value) }
      .drop { (0x20...0x2f).contains($0.value) }
    guard let final = rest.first, (0x40...0x7e).contains(final.value) else { return nil }
    return rest.index(after: rest.startIndex)
  }

  /// The end of a control string: a bell, or an escape and a backslash. It has no lines.
  private static func string(_ rest: Rest) -> Rest.Index? {
    guard let end = rest.firstIndex(where: { ["\u{7}", "\u{1b}", "\n"].contains($0) }) else {
      return nil
    }
    let after = rest.index(after: end)
    if rest[end] == "\u{7}" { return after }
    guard rest[end] == "\u{1b}", after < rest.endIndex, rest[after] == "\\" else { return nil }
    return rest.index(after: after)
  }
}
