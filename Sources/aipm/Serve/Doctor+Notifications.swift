import Domain
import ForgePort
import HTTPClient
import Notifications
import Text

extension Doctor {
  /// Whom the server would notify, and whether the mail server lets it in; empty if the settings
  /// are invalid, which another check reports.
  static func notifications(_ settings: Settings) async -> [Finding] {
    guard let forge = try? ForgeSettings(settings),
      let found = try? NotificationSettings(settings, authoritiesFile: forge.authoritiesFile)
    else { return [] }
    let subject = "notifications"
    let states = found.states.map(\.rawValue).sorted().joined(separator: ", ")
    var findings = found.webhooks.map {
      Finding.good(subject, "\($0.host) is called with signed webhooks: \(states)")
    }
    if found.slack != nil { findings.append(.good(subject, "Slack gets a text: \(states)")) }
    guard let mail = found.mail else { return findings }
    do throws(MailClient.Fault) {
      try await mail.client.check()
      findings.append(.good("mail", "\(mail.client.url) lets \(mail.from) in: \(states)"))
    } catch {
      findings.append(
        .bad(
          "mail", "\(mail.client.url): \(error)",
          "Check smtp, \(NotificationSettings.userVariable) and "
            + "\(NotificationSettings.passwordVariable). Mails wait until then."))
    }
    return findings
  }
}
