// What must not be seen in a message that a program wrote.

import Screening

package enum Credentials {
  private static let textMax = 4096
  private static let shapes = SecretSearch(purpose: .masking)

  /// The text without what looks like a credential: user information in URLs, values of
  /// `Authorization` headers, tokens by their shapes. Of a long text only the end is told: the
  /// patterns take more than twice the time for twice the text.
  /// - Parameter secrets: values that are masked wherever they stand, whole or, where they are
  ///   several words, each word of 16 characters or more.
  package static func masked(_ text: String, secrets: [String] = []) -> String {
    var text = text
    if text.utf8.count > textMax {
      text = String(decoding: text.utf8.suffix(textMax), as: UTF8.self)
    }
    for secret in secrets {
      let words = secret.split(whereSeparator: \.isWhitespace).filter { $0.utf8.count >= 16 }
      for word in words where text.contains(word) { text.replace(word, with: "***") }
    }
    text.replace(#/([A-Za-z][A-Za-z0-9+.\-]*:\/\/)[^\s\/@'"]+@/#) { "\($0.output.1)***@" }
    text.replace(#/(?i)(authorization:\s*)(?:[a-z]+\s+)?[^\s'"]+/#) { "\($0.output.1)***" }
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    var rest = 0
    for range in shapes.ranges(in: bytes) {
      out += bytes[rest..<range.lowerBound] + Array("***".utf8)
      rest = range.upperBound
    }
    return String(decoding: out + bytes[rest...], as: UTF8.self)
  }
}
