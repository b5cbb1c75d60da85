// Masks credentials in messages of programs.

import Screening

package enum Credentials {
  private static let textMax = 4096
  private static let shapes = SecretSearch(purpose: .masking)

  /// Masks everything that looks like a credential: user information in URLs, values of
  /// `Authorization` headers, and tokens by their shapes. Only the end of a long text is kept: the
  /// patterns take more than linear time.
  /// - Parameter secrets: values that are masked everywhere. A value with white space is split, and
  ///   parts of 16 characters or more are masked.
  package static func masked(_ text: String, secrets: [String] = []) -> String {
    var text = text
    if text.utf8.count > textMax {
      text = String(decoding: text.utf8.suffix(textMax), as: UTF8.self)
    }
    for secret in secrets {
      let parts = secret.split(whereSeparator: \.isWhitespace).filter { $0.utf8.count >= 16 }
      for part in parts where text.contains(part) { text.replace(part, with: "***") }
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
