import Domain
import EventLog
import Projections

extension AuditRoutes {
  /// The language of `AuditQuery`: terms separated by blanks. Each is a key with its value, a text,
  /// or a quoted text. Ranges are described with one bound.
  static let querySchema = JSONSchema.text(
    "^[\(blanks)]*(\(term)([\(blanks)]+|$)){0,\(AuditQuery.termsMax)}$")

  /// Characters with the property White_Space: `\\s` differs between regular expressions.
  private static let blanks =
    "\\t-\\r \u{85}\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}"

  private static let term = "(-?(\(keyed)|\"[^\"\\\\]*\"|\(bare))|--[^\(blanks)]*|-)"
  /// Text that does not begin with a key.
  private static let bare = "(?![A-Za-z]+:)[^\(blanks)\"-][^\(blanks)]*"

  /// A time or a day in UTC, as a regular expression: of each month, the days that all months have.
  static let timePattern =
    "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    + "(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?"

  private static var keyed: String {
    "(" + AuditQuery.keys.map { "\($0):\(value(of: $0))" }.joined(separator: "|") + ")"
  }

  private static func value(of key: String) -> String {
    let repository = "[A-Za-z0-9_-]{1,39}/[A-Za-z0-9_-]{1,100}"
    let duration = "[0-9]{1,9}[smhd]"
    func span(_ bound: String) -> String {
      "((>=|<=|>|<|\\.\\.)?(\(bound))|(\(bound))\\.\\.)"
    }
    func words(_ words: [String]) -> String {
      "(" + words.map { $0.replacing(".", with: "\\.") }.joined(separator: "|") + ")"
    }
    return switch key {
    case "repo": repository
    case "pr": "(\(repository)#)?[1-9][0-9]{0,17}"
    case "code": "PR[1-9][0-9]{12}"
    case "type": words(EventType.allCases.map(\.name))
    case "sha": "[0-9A-Fa-f]{4,64}"
    case "since", "until": span("\(timePattern)|\(duration)")
    case "position": span("[0-9]{1,18}")
    case "refused": "[a-z][a-z0-9]{0,20}(\\.[a-z][a-z0-9]{0,20}){1,3}"
    case "follows": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    case "state": words(DelegationStateName.allCases.map(\.rawValue))
    case "age": span(duration)
    case "stuck": "(yes|no)"
    case _: "[^\(blanks)\"][^\(blanks)]*"
    }
  }
}
