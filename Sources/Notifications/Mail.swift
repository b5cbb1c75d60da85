import Domain
import FoundationEssentials
import Text
import Workflows

/// An address of mail, `LOCAL@DOMAIN`, in the form that needs no quoting.
package struct MailAddress: Hashable, Sendable, CustomStringConvertible {
  package let description: String
  package let domain: String

  package static let form = "write an address such as team@example.org"

  /// - Returns: nil if the text has another form.
  package init?(_ text: String) {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, text.utf8.count <= 254, Self.isLocal(parts[0]),
      Self.isDomain(parts[1])
    else { return nil }
    description = text
    domain = parts[1].lowercased()
  }

  /// Atoms with dots between them (RFC 5322, section 3.2.3).
  private static func isLocal(_ text: Substring) -> Bool {
    text.utf8.count <= 64
      && text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        .allSatisfy { atom in
          !atom.isEmpty
            && atom.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-/=?^_`{|}~".utf8.contains($0) }
        }
  }

  private static func isDomain(_ text: Substring) -> Bool {
    text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .allSatisfy { label in
        (1...63).contains(label.count) && label.first != UInt8(ascii: "-")
          && label.last != UInt8(ascii: "-")
          && label.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
      }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
  }
}

/// A mail as it is sent (RFC 5322, RFC 2045), with CRLF at the end of each line.
package struct MailMessage: Sendable {
  package let bytes: [UInt8]

  /// Longer subjects are cut.
  private static let subjectMax = 200
  /// The bytes of text in an encoded word, which is 75 characters long at most (RFC 2047).
  private static let wordBytesMax = 45
  /// The characters of base64 in a line (RFC 2045, section 6.8).
  private static let lineMax = 76

  /// - Parameter texts: of the delegation's workflow; nil if it is unknown.
  package init(
    _ notification: DelegationNotification, _ texts: NotificationTexts?, from: MailAddress,
    to: [MailAddress]
  ) {
    let values = notification.values { $0 }
    let subject = texts?.render(.mailSubject, values) ?? Self.standardSubject(values)
    let body = texts?.render(.mailBody, values) ?? Self.standardBody(values)
    let lines =
      [
        "From: AIPM <\(from)>",
        "To: " + to.map { "<\($0)>" }.joined(separator: ",\r\n "),
        "Subject: " + Self.header(subject),
        "Date: " + InternetDate.mail(notification.time.milliseconds),
        // Stable, so that a mail that comes twice can be known. Mails about one delegation are one
        // conversation.
        "Message-ID: <\(notification.id)@\(from.domain)>",
        "References: <\(notification.delegation.rawValue)@\(from.domain)>",
        "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "",
      ] + Self.encoded(body)
    bytes = Array((lines.joined(separator: "\r\n") + "\r\n").utf8)
  }

  /// A text in one header field: without line ends and other control characters, and as encoded
  /// words unless it is plain ASCII.
  package static func header(_ text: String) -> String {
    let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: " "
      case _: scalar
      }
    }
    let line = String(String.UnicodeScalarView(scalars)).trimmed.prefix(subjectMax)
    let isPlain = line.utf8.allSatisfy { (0x20...0x7e).contains($0) } && !line.contains("=?")
    guard !isPlain else { return String(line) }
    var words: [String] = []
    var word: [UInt8] = []
    for scalar in line.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      if word.count + bytes.count > wordBytesMax {
        words.append("=?UTF-8?B?\(Data(word).base64EncodedString())?=")
        word = []
      }
      word += bytes
    }
    words.append("=?UTF-8?B?\(Data(word).base64EncodedString())?=")
    return words.joined(separator: "\r\n ")
  }

  /// A body in lines of base64. Text in a mail has CRLF at the ends of its lines.
  private static func encoded(_ body: String) -> [String] {
    let text = body.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n") + "\r\n"
    let whole = Array(Data(text.utf8).base64EncodedString().utf8)
    return stride(from: 0, to: whole.count, by: lineMax).map { start in
      String(decoding: whole[start..<min(start + lineMax, whole.count)], as: UTF8.self)
    }
  }

  private static func standardSubject(_ values: [String: String]) -> String {
    func value(_ name: String) -> String { values[name] ?? "" }
    return "[\(value("repository"))] \(value("state")): "
      + (values["title"] ?? value("confirmationCode"))
  }

  private static func standardBody(_ values: [String: String]) -> String {
    func line(_ label: String, _ name: String) -> String? {
      values[name].map { "\(label): \($0)" }
    }
    let facts = [
      line("State", "state"), line("Title", "title"), line("Repository", "repository"),
      line("Branch", "branch"), line("Pull request", "pullRequest"), line("Commit", "commit"),
      line("Requester", "requester"), line("Agent", "agent"),
      line("Confirmation code", "confirmationCode"), line("Failure", "failureCode"),
      values["failureMessage"], values["failureHint"],
    ]
    return facts.compactMap { $0 }.joined(separator: "\n")
  }
}
