import ArgumentParser
import Domain
import EventLog
import Terminal
import Text

struct Show: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows one delegation: what was asked, where it stands, what comes next.")

  @OptionGroup var delegation: ReferenceArgument
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let api = try client.api
    let found = try await api.get(try ServerAPI.path("/api/delegations", delegation.reference))
    if output.json { return found.printLine() }
    tell(found)
    guard found["pullRequest"] != .null, let id = found["id"].stringValue else { return }
    PullRequestRounds(try await api.get(try ServerAPI.path("/api/pull-requests", id))).tell()
  }

  private func tell(_ d: JSONValue) {
    func row(_ name: String, _ value: String?) {
      guard let value, !value.isEmpty else { return }
      Terminal.say(name + String(repeating: " ", count: max(1, 14 - name.count)) + value)
    }
    let repository = d["repository"]
    Terminal.say(Style.bold.on(d["taskTitle"].safeText ?? "(redacted)"))
    row("code", d["confirmationCode"].safeText)
    row("id", d["id"].safeText)
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
    row("requested", d["requestedAt"].safeText)
    row("updated", d["updatedAt"].safeText)
    row("objective", d["objective"].safeText)
    for constraint in d["constraints"].arrayValue ?? [d["constraints"]] {
      row("constraints", constraint.safeText)
    }
    for criterion in d["acceptanceCriteria"].arrayValue ?? [] { row("accept", criterion.safeText) }
    // The last attempt's message may equal the failure's: it is printed once.
    var shown = d["failure"]["message"].stringValue
    for attempt in d["attempts"].arrayValue ?? [] {
      row("attempt \(attempt["number"].integerValue ?? 0)", self.attempt(attempt))
      for path in attempt["figures"]["flagged"].arrayValue ?? [] {
        row("look at", path.safeText.map { "\($0) (it runs code or steers programs)" })
      }
      row("  refused", refused(attempt["network"]))
      row("  to allow", attempt["network"]["line"].safeText)
      guard let message = attempt["message"].stringValue, message != shown else { continue }
      Terminal.say("  " + message.safeLines(indent: 2))
      shown = message
    }
    failure(d["failure"])
  }

  private func state(_ d: JSONValue) -> String? {
    var text = d["state"].safeText ?? ""
    if let next = d["nextIntent"].safeText { text += ", next: \(next)" }
    if let code = d["waiting"]["code"].safeText, let until = d["waiting"]["until"].safeText {
      text += ", waits until \(until) (\(code))"
    }
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
    Terminal.say(Style.red.on("failed at \(failure["step"].safeText ?? "-"): \(code)"))
    for words in [failure["message"].stringValue, failure["hint"].stringValue] {
      if let words { Terminal.say("  " + words.safeLines(indent: 2)) }
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
