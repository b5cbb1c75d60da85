import Domain
import Foundation
import Notifications
import Testing

struct MailTests {
  private let from = MailAddress("aipm@example.org")
  private let to = ["a@example.org", "b@example.org"].compactMap { MailAddress($0) }

  /// The header lines and the decoded body.
  private func parts(_ message: MailMessage) throws -> (headers: [String], body: String) {
    let text = String(decoding: message.bytes, as: UTF8.self)
    let end = try #require(text.firstRange(of: "\r\n\r\n"))
    let encoded = text[end.upperBound...].replacing("\r\n", with: "")
    let body = try #require(Data(base64Encoded: String(encoded)))
    return (
      text[..<end.lowerBound].replacing("\r\n ", with: " ").split(separator: "\r\n")
        .map(String.init), String(decoding: body, as: UTF8.self)
    )
  }

  @Test func aMailHasItsHeadersAndItsText() throws {
    let from = try #require(from)
    let notification = try failed(title: "Add export button")
    let (headers, body) = try parts(MailMessage(notification, nil, from: from, to: to))
    #expect(
      headers == [
        "From: AIPM <aipm@example.org>", "To: <a@example.org>, <b@example.org>",
        "Subject: [ebaejun/tools] Failed: Add export button",
        "Date: Thu, 05 Dec 2024 00:00:07 +0000", "Message-ID: <\(notification.id)@example.org>",
        "References: <\(notification.delegation.rawValue)@example.org>",
        "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
      ])
    #expect(body.contains("Failure: agent-failed\r\nit broke\r\nTry again.\r\n"))
    #expect(body.contains("Pull request: https://github.com/ebaejun/tools/pull/101\r\n"))
  }

  @Test(arguments: [
    "x\r\nBcc: evil@example.org", "x\nBcc: evil@example.org", "x\rBcc: evil@example.org",
    "x\u{85}Bcc: evil@example.org", "x\u{2028}Bcc: evil@example.org", "\u{0}Bcc:\u{7f}",
  ])
  func noTextBeginsAHeader(_ title: String) throws {
    let from = try #require(from)
    for texts in [nil, try texts("  mail-subject: '{{title}}'")] {
      let message = MailMessage(try failed(title: title), texts, from: from, to: to)
      let (headers, _) = try parts(message)
      #expect(headers.count == 10)
      #expect(!headers.contains { $0.hasPrefix("Bcc") })
      #expect(message.bytes.allSatisfy { $0 < 0x80 })
      // Line ends are CRLF, and nothing else is one of their bytes.
      let text = String(decoding: message.bytes, as: UTF8.self)
      #expect(!text.replacing("\r\n", with: "").utf8.contains { $0 == 10 || $0 == 13 })
    }
  }

  @Test func subjectsInOtherScriptsAreEncodedWords() {
    #expect(MailMessage.header("Grüße") == "=?UTF-8?B?R3LDvMOfZQ==?=")
    // What looks like an encoded word is encoded, so that it is shown as it is.
    #expect(MailMessage.header("=?UTF-8?B?QQ==?=").hasPrefix("=?UTF-8?B?PT9V"))
    let long = MailMessage.header(String(repeating: "長い", count: 200))
    let words = long.split(separator: "\r\n ").map(String.init)
    #expect(words.count > 5)
    for word in words {
      #expect(word.utf8.count <= 75)
      let text = word.dropFirst("=?UTF-8?B?".count).dropLast(2)
      // Each word is whole characters.
      let decoded = Data(base64Encoded: String(text)).flatMap { String(data: $0, encoding: .utf8) }
      #expect(decoded != nil)
    }
  }

  @Test func addressesHaveTheFormThatNeedsNoQuotes() {
    for right in ["a@b.c", "a.b+c@x-y.example.org", "o'neil@example.org"] {
      #expect(MailAddress(right)?.description == right)
    }
    for wrong in [
      "", "a", "@b", "a@", "a@b@c", "a b@c", "a@b c", "<a@b>", "a@b\r\nBcc: c@d", "a,b@c",
      ".a@b", "a..b@c", "a@-b", "a@b.", "ü@b.c", "a@ü.de", "\"a\"@b.c",
    ] { #expect(MailAddress(wrong) == nil) }
  }
}
