import Domain
import Text
import Workflows

/// A message for an incoming webhook of Slack, or of a program that understands the same.
package enum SlackMessage {
  /// Slack cuts longer texts.
  private static let textMax = 3000

  /// - Parameter texts: of the delegation's workflow; nil if it is unknown.
  package static func body(
    _ notification: DelegationNotification, _ texts: NotificationTexts?
  ) -> [UInt8] {
    let values = notification.values(escaped)
    let text = texts?.render(.slack, values) ?? standard(values)
    return JSONValue.object([
      "text": .string(text.count > textMax ? text.prefix(textMax) + "…" : text),
      // Addresses in texts of users do not become links, and nothing is fetched for a preview.
      "parse": "none", "link_names": false, "unfurl_links": false, "unfurl_media": false,
    ]).canonical
  }

  /// Text that is only read: without it, `<!channel>` and `<https://…|text>` are commands
  /// (https://docs.slack.dev/messaging/formatting-message-text/).
  package static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case _: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  /// - Parameter values: escaped.
  private static func standard(_ values: [String: String]) -> String {
    func value(_ name: String) -> String { values[name] ?? "" }
    let what = values["title"] ?? value("branch")
    // An address with a bar would end early, and the rest would be its text.
    let link =
      values["pullRequest"].flatMap { $0.contains("|") ? nil : "<\($0)|\(value("repository"))>" }
      ?? value("repository")
    var text = "*\(value("state"))* \(link): \(what.replacing("\n", with: " "))"
    text += " (\(value("confirmationCode")), \(value("requester")))"
    if let code = values["failureCode"] {
      text += "\n\(code)" + (values["failureMessage"].map { ": \($0)" } ?? "")
      if let hint = values["failureHint"] { text += "\n\(hint)" }
    }
    return text
  }
}
