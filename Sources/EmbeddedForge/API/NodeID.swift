// GitHub's global node ids: opaque to clients; here a prefix and the number in base 64.

import Text

enum NodeID {
  /// - Parameter kind: `R`, `PR`, `U`, `LA`, `IC`, as on GitHub.
  static func of(_ kind: String, _ id: Int64) -> String {
    "\(kind)_kwDO" + Base64URL.encode(withUnsafeBytes(of: id.bigEndian) { Array($0.suffix(4)) })
  }

  static func of(_ kind: String, _ repository: Int64, _ name: String) -> String {
    "\(kind)_kwDO" + Base64URL.encode(Array("\(repository):\(name)".utf8))
  }
}
