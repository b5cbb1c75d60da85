// The texts of notifications to people: for Slack, and of mail.

import Domain

/// A text of a notification.
package enum NotificationPart: String, CaseIterable, Sendable {
  case slack
  case mailSubject = "mail-subject"
  case mailBody = "mail-body"
}

/// The templates that a workflow has for notifications.
package struct NotificationTexts: Sendable {
  private var templates: [NotificationPart: TextTemplate] = [:]

  /// The variables of each template. None contains a list.
  package static let variables = [
    "id", "confirmationCode", "state", "repository", "branch", "title", "objective", "prTitle",
    "requester", "agent", "attempt", "pullRequest", "commit", "failureStep", "failureCode",
    "failureMessage", "failureHint",
  ]

  init() {}

  fileprivate mutating func set(_ template: TextTemplate?, for part: NotificationPart) {
    templates[part] = template
  }

  /// The rendered text; nil if the workflow has no template for it.
  /// - Parameter values: by the names of `variables`, already in the form that the receiver needs:
  ///   they are inserted as they are, and are never parsed as templates.
  package func render(_ part: NotificationPart, _ values: [String: String]) -> String? {
    templates[part]?.renderWithoutFinalNewline(values)
  }
}

extension DefinitionReader {
  /// The value of the key `notifications`.
  mutating func notificationTexts(_ all: Fields) -> NotificationTexts {
    var texts = NotificationTexts()
    let parts = NotificationPart.allCases
    guard let fields = fields(all["notifications"], keys: parts.map(\.rawValue)) else {
      return texts
    }
    let variables = Dictionary(
      uniqueKeysWithValues: NotificationTexts.variables.map { ($0, TemplateShape.text) })
    for part in parts {
      texts.set(template(fields[part.rawValue], variables: variables), for: part)
    }
    return texts
  }
}
