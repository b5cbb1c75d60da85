import Text

extension JSONValue {
  /// A time in whole seconds, as GitHub writes them; null if it is absent.
  /// - Parameter seconds: since 1970-01-01T00:00:00Z.
  static func time(_ seconds: Int64?) -> JSONValue {
    JSONValue(seconds.map { ISO8601.text(seconds: $0) })
  }
}
