import ArgumentParser
import Domain
import EventLog
import Projections
import Terminal
import Text

struct Show: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows one delegation: what was asked, where it stands, what comes next.",
    aliases: ["view"])

  @OptionGroup var delegation: ReferenceArgument
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func run() async throws {
    let api = try client.api
    let reference = try await delegation.resolve(api)
    let found = try await api.get(try ServerAPI.path("/api/delegations", reference))
    if output.isJSON { return try await output.print(found) }
    tell(found, page: api.page(of: found))
    guard found["pullRequest"] != .null, let id = found["id"].stringValue else { return }
    PullRequestRounds(try await api.get(try ServerAPI.path("/api/pull-requests", id))).tell()
  }

  private func tell(_ d: JSONValue, page: String) {
    func row(_ name: String, _ value: String?) {
      guard let value, !value.isEmpty else { return }
      let margin = 14
      let label = name + String(repeating: " ", count: max(1, margin - name.count))
      Terminal.say(label + Terminal.folded(value, indent: margin))
    }
    let repository = d["repository"]
    Terminal.say(Style.bold.on(d["taskTitle"].words))
    row("code", d["confirmationCode"].safeText)
    row("id", d["id"].safeText)
    row("page", page.safe())
    row("state", state(d))
    row("repository", "\(repository["owner"].safeText ?? "")/\(repository["repo"].safeText ?? "")")
    row("branch", d["branchName"].safeText)
    row("base", [d["baseBranch"].safeText, d["baseSHA"].safeText].joined)
    row(
      "pull request",
      [d["pullRequest"]["html_url"].safeText, d["pullRequest"]["state"].safeText]
        .joined)
    row("task commit", d["taskCommitSHA"].safeText)
    row("commit", d["commitSHA"].safeText)
    row("requester", d["requester"].safeText)
    row("agent", d["agent"].safeText)
    row("worker", d["worker"].safeText)
    row("requested", time(d["requestedAt"]))
    row("updated", time(d["updatedAt"]))
    row("objective", d["objective"].stringValue?.safeLines(indent: 14))
    for constraint in d["constraints"].arrayValue ?? [d["constraints"]] {
      row("constraints", constraint.stringValue?.safeLines(indent: 14))
    }
    for criterion in d["acceptanceCriteria"].arrayValue ?? [] { row("accept", criterion.safeText) }
    // The last attempt's message may equal the failure's: it is printed once.
    var shown = d["failure"]["message"].stringValue
    for attempt in d["attempts"].arrayValue ?? [] {
      row("attempt \(attempt["number"].integerValue ?? 0)", self.attempt(attempt))
      for path in attempt["figures"]["flagged"].arrayValue ?? [] {
        row("look at", path.safeText.map { "\($0) (it runs code or steers programs)" })
      }
      row(
        "  continues", attempt["continues"].safeText.map { "its conversation of \($0)" })
      row("  refused", refused(attempt["network"]))
      row("  to allow", attempt["network"]["line"].safeText)
      guard let message = attempt["message"].stringValue, message != shown else { continue }
      Terminal.say("  " + message.safeLines(indent: 2))
      shown = message
    }
    failure(d["failure"])
  }

  /// `2026-11-23 12:00:05  (3m ago)`
  private func time(_ value: JSONValue) -> String? {
    LocalTime.text(value).map { "\($0)  (\(List.age(value)) ago)" }
  }

  private func state(_ d: JSONValue) -> String? {
    let name = d["state"].safeText ?? ""
    let word = d["status"].safeText ?? TaskPhase(d)?.words ?? name
    var text = TaskPhase(d)?.style.on(word) ?? word
    if word != name { text += "  (\(name))" }
    if let next = d["nextIntent"].safeText { text += ", next: \(next)" }
    if let waits = d.waitWords { text += ", \(waits) (\(d["waiting"]["code"].safeText ?? "-"))" }
    if d["cancelRequested"].boolValue == true { text += ", cancelling" }
    if let quarantine = d["quarantine"].safeText { text += ", in quarantine: \(quarantine)" }
    return text
  }

  private func attempt(_ attempt: JSONValue) -> String {
    [
      attempt["worker"].safeText, attempt["agent"].safeText,
      attempt["outcome"].safeText ?? "under way", AgentUsage(json: attempt["usage"]).summary,
    ].joined
  }

  /// The hosts that an attempt was refused; nil if it was refused no host.
  private func refused(_ network: JSONValue) -> String? {
    guard let count = network["refused"].integerValue, count > 0 else { return nil }
    let listed = network["refusedHosts"].arrayValue ?? []
    let hosts = listed.compactMap { host in
      host["host"].safeText.map { "\($0):\(host["port"].integerValue ?? 0)" }
    }
    let beyond = count - Int64(Set(listed.compactMap { $0["host"].stringValue }).count)
    let all = hosts + (beyond > 0 ? ["\(beyond) more"] : [])
    return all.joined(separator: ", ")
  }

  private func failure(_ failure: JSONValue) {
    guard let code = failure["code"].safeText else { return }
    let isCancelled = code == FailureCode.cancelled.rawValue
    let headline = isCancelled ? code : "failed at \(failure["step"].safeText ?? "-"): \(code)"
    Terminal.say((isCancelled ? Style.dim : Style.red).on(headline))
    // What happened and what to do are said once: a summary may contain the message.
    let summary = failure["summary"].stringValue
    let message = failure["message"].stringValue
    let isSaid = message.map { summary?.lowercased().contains($0.trimmed.lowercased()) ?? false }
    let hint = failure["remedy"].stringValue ?? failure["hint"].stringValue
    for words in [summary, isSaid ?? true ? nil : message, hint] {
      if let words { Terminal.say("  " + Terminal.folded(words.safeLines(indent: 2), indent: 2)) }
    }
  }
}

extension [String?] {
  /// The non-nil strings, separated by blanks.
  fileprivate var joined: String { compactMap { $0 }.joined(separator: "  ") }
}

extension AgentUsage {
  /// What the API says that an attempt used. A figure that is missing is not known.
  init(json numbers: JSONValue) {
    let known = UsageFigure.allCases.compactMap { figure in
      numbers[figure.field].integerValue.map { (figure, $0) }
    }
    self.init(Dictionary(uniqueKeysWithValues: known))
  }
}
