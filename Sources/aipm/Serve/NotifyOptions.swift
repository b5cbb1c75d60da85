import ArgumentParser
import Delivery
import Domain
import HTTPClient
import Notifications
import Text
import Workflows

/// Whom the server notifies, and of what.
struct NotifyOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Addresses that are called with signed webhooks (none).", valueName: "url"))
  var notify: [String] = []
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The states that are notified of (Pushed Failed).", valueName: "state"))
  var notifyStates: [String] = []
  @Option(
    help: ArgumentHelp(
      "How long a notification that fails is tried again, such as 6h (24h).", valueName: "time"))
  var notifyPatience: String?
  @Option(
    help: ArgumentHelp(
      "The server that sends mail, such as smtps://mail.example.org:465 (none).",
      valueName: "url"))
  var smtp: String?
  @Option(help: ArgumentHelp("The sender of mails (none).", valueName: "address"))
  var mailFrom: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The recipients of mails (none).", valueName: "address"))
  var mailTo: [String] = []
  @Option(
    help: ArgumentHelp(
      "Whether requesters whose name is an address get a mail, too: on or off (off).",
      valueName: "on|off"))
  var mailRequester: String?

  func put(into flags: inout GivenFlags) {
    flags.put(.notify, notify)
    flags.put(.notifyStates, notifyStates)
    flags.put(.notifyPatience, notifyPatience)
    flags.put(.smtp, smtp)
    flags.put(.mailFrom, mailFrom)
    flags.put(.mailTo, mailTo)
    flags.put(.mailRequester, mailRequester)
  }
}

/// The checked settings of notifications.
struct NotificationSettings {
  /// How mail is sent.
  struct Mail {
    var client: MailClient
    var from: MailAddress
    var to: [MailAddress]
    var includesRequester: Bool
  }

  static let secretVariable = "AIPM_NOTIFY_SECRET"
  static let slackVariable = "AIPM_NOTIFY_SLACK_URL"
  static let userVariable = "AIPM_SMTP_USER"
  static let passwordVariable = "AIPM_SMTP_PASSWORD"
  static let secretVariables = [secretVariable, slackVariable, userVariable, passwordVariable]

  static let standardStates: [DelegationStateName] = [.pushed, .failed]
  static let standardPatience = Milliseconds.seconds(86_400)

  var webhooks: [WebURL] = []
  var webhookSecrets: [WebhookSecret] = []
  var slack: WebURL?
  var mail: Mail?
  var states: Set<DelegationStateName>
  var patience: Milliseconds
  /// The values that no text may contain.
  var secrets: [String] = []

  /// - Throws: `Settings.Fault` with a remedy. Its text contains no secret.
  init(_ settings: Settings, authoritiesFile: String?) throws {
    states = try Self.states(settings)
    patience =
      try settings.value(.notifyPatience, form: Quantity.durationForm) { Quantity.duration($0) }
      ?? Self.standardPatience
    try readWebhooks(settings)
    if let text = settings.secret(Self.slackVariable) {
      guard let url = WebURL(text), url.isSecure || url.isLoopback else {
        throw Settings.Fault(
          description: "\(Self.slackVariable) is not the address of an incoming webhook: write the "
            + "https address that Slack shows")
      }
      slack = url
      secrets.append(text)
    }
    mail = try Self.mail(settings, authoritiesFile)
    if mail != nil, let password = settings.secret(Self.passwordVariable) {
      secrets.append(password)
    }
  }

  private static func states(_ settings: Settings) throws -> Set<DelegationStateName> {
    guard let found = settings.find(.notifyStates) else { return Set(standardStates) }
    return Set(
      try found.values.map { text in
        guard let state = DelegationStateName(rawValue: text) else {
          let names = DelegationStateName.allCases.map(\.rawValue)
          throw Settings.Fault(
            description: "\(found.name) contains \(text), which is not a state; "
              + Spelling.hint(for: text, in: names))
        }
        return state
      })
  }

  private mutating func readWebhooks(_ settings: Settings) throws {
    guard let found = settings.find(.notify) else { return }
    for text in found.values {
      guard let url = WebURL(text) else {
        throw Settings.Fault(
          description: "\(found.name) contains an invalid address: write one such as "
            + "https://example.org/aipm, without user and password")
      }
      guard !webhooks.contains(url) else {
        throw Settings.Fault(description: "\(found.name) contains \(text) twice; write it once")
      }
      webhooks.append(url)
    }
    let texts = (settings.secret(Self.secretVariable) ?? "")
      .split { $0 == "," || $0.isWhitespace }.map(String.init)
    guard !texts.isEmpty else {
      throw Settings.Fault(
        description: "\(found.name) needs \(Self.secretVariable), which signs the calls: "
          + WebhookSecret.form)
    }
    for text in texts {
      guard let secret = WebhookSecret(text) else {
        throw Settings.Fault(
          description: "\(Self.secretVariable) is invalid: \(WebhookSecret.form)")
      }
      webhookSecrets.append(secret)
      secrets.append(text)
    }
  }

  private static func mail(_ settings: Settings, _ authoritiesFile: String?) throws -> Mail? {
    let includesRequester =
      try settings.value(.mailRequester, form: "write on or off") {
        ["on": true, "off": false][$0]
      } ?? false
    guard let server = settings.find(.smtp) else {
      if let other = [Setting.mailFrom, .mailTo, .mailRequester].lazy.compactMap(settings.find)
        .first
      {
        throw Settings.Fault(
          description: "\(other.name) is set, and smtp is not: write the address of the mail "
            + "server, or leave it out")
      }
      return nil
    }
    let isImplicit = server.value.hasPrefix("smtps://")
    let rest = server.value.drop { $0 != ":" }
    // The rules for the host and the port are those of other addresses.
    guard isImplicit || server.value.hasPrefix("smtp://"),
      let address = WebURL("http" + rest), ["", "/"].contains(address.path),
      address.query == nil
    else {
      throw Settings.Fault(
        description: "\(server.name) is not the address of a mail server: write smtps://HOST:465, "
          + "or smtp://HOST:587 for STARTTLS; user and password come from \(userVariable) and "
          + passwordVariable)
    }
    func recipient(_ text: String, _ name: String) throws -> MailAddress {
      guard let known = MailAddress(text) else {
        throw Settings.Fault(description: "\(name) contains \(text): \(MailAddress.form)")
      }
      return known
    }
    guard let sender = settings.find(.mailFrom) else {
      throw Settings.Fault(
        description: "\(server.name) needs mail-from, the sender: \(MailAddress.form)")
    }
    let from = try recipient(sender.value, sender.name)
    let recipients = try settings.find(.mailTo).map { found in
      try found.values.map { try recipient($0, found.name) }
    }
    guard recipients != nil || includesRequester else {
      throw Settings.Fault(
        description: "\(server.name) needs mail-to, the recipients, or mail-requester: on")
    }
    return Mail(
      client: MailClient(
        url: server.value, user: settings.secret(userVariable),
        password: settings.secret(passwordVariable), isLoopback: address.isLoopback,
        authoritiesFile: authoritiesFile),
      from: from, to: recipients ?? [], includesRequester: includesRequester)
  }

  /// The receivers of these settings.
  func receivers(_ source: NotificationSource, _ http: HTTPClient) -> [any DeliveryReceiver] {
    var all: [any DeliveryReceiver] = webhooks.map {
      WebhookReceiver($0, secrets: webhookSecrets, source: source, http: http)
    }
    if let slack { all.append(SlackReceiver(slack, source: source, http: http)) }
    if let mail {
      all.append(
        MailReceiver(
          mail.client, from: mail.from, to: mail.to, includesRequester: mail.includesRequester,
          source: source))
    }
    return all
  }
}
