// GitHub's global node ids: opaque to clients; here a prefix and the number in base 64.

import FoundationEssentials

enum NodeID {
  /// - Parameter kind: `R`, `PR`, `U`, `LA`, `IC`, as on GitHub.
  static func of(_ kind: String, _ id: Int64) -> String {
    "\(kind)_kwDO" + encode(withUnsafeBytes(of: id.bigEndian) { Array($0.suffix(4)) })
  }

  static func of(_ kind: String, _ repository: Int64, _ name: String) -> String {
    "\(kind)_kwDO" + encode(Array("\(repository):\(name)".utf8))
  }

  private static func encode(_ bytes: [UInt8]) -> String {
    String(
      Data(bytes).base64EncodedString().compactMap { character -> Character? in
        switch character {
        case "+": "-"
        case "/": "_"
        case "=": nil
        case _: character
        }
      })
  }
}
