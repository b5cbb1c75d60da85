import Domain
import ForgePort

/// Webhooks with a plain token, as GitLab has them. The body's fields are separated by NUL.
struct TableWebhooks: WebhookReader {
  let secret: String
  let bodyBytesMax = 1 << 20
  let notAuthentic = WebhookFault(.notAuthentic, "X-Table-Token is missing or wrong.")

  func mayBeAuthentic(headers: [String: String]) -> Bool { headers["x-table-token"] != nil }

  func read(headers: [String: String], body: [UInt8]) throws(WebhookFault) -> WebhookDelivery {
    guard headers["x-table-token"] == secret else { throw notAuthentic }
    let fields = body.split(separator: 0, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    return WebhookDelivery(id: headers["x-table-id"], event: try Self.event(fields))
  }

  private static func event(_ fields: [String]) throws(WebhookFault) -> WebhookEvent {
    switch (fields[0], fields.count) {
    case ("ping", 1): return .ping
    case ("push", 3): return .push(repository: RepositoryName(fields[1]), branch: fields[2])
    case ("pull", 7):
      guard let number = Int64(fields[2]), let state = PullRequestState(rawValue: fields[3]) else {
        break
      }
      return .pullRequest(
        PullRequestChange(
          repository: RepositoryName(fields[1]), number: number, state: state,
          asOf: Int64(fields[4]).map { Timestamp(milliseconds: $0) }, body: fields[5],
          sender: fields[6]))
    case ("said", 15):
      if let report = report(fields) { return .feedback(report) }
    case _: break
    }
    throw WebhookFault(.malformed, "The body is no event.")
  }

  static func body(_ event: WebhookEvent) -> [UInt8] {
    let fields: [String] =
      switch event {
      case .ping: ["ping"]
      case .push(let name, let branch): ["push", name?.description ?? "", branch]
      case .pullRequest(let change):
        [
          "pull", change.repository?.description ?? "", "\(change.number)", change.state.rawValue,
          change.asOf.map { "\($0.milliseconds)" } ?? "", change.body, change.sender,
        ]
      case .feedback(let report): feedback(report)
      case .ignored(let reason): [reason]
      }
    return Array(fields.joined(separator: "\0").utf8)
  }
}

extension TableWebhooks {
  /// The fields of a report with one piece of feedback.
  private static func feedback(_ report: FeedbackReport) -> [String] {
    let said = report.feedback[0]
    return [
      "said", report.repository?.description ?? "",
      report.pullRequests.map { "\($0)" }.joined(separator: ","), report.head?.rawValue ?? "",
      report.sender, said.id.rawValue, said.author, "\(said.isByBot)",
      said.thread.map { "\($0)" } ?? "", said.commit?.rawValue ?? "",
      said.line.map { "\($0)" } ?? "", said.saidAt.map { "\($0.milliseconds)" } ?? "",
      said.text?.body ?? "", said.text?.path ?? "", said.text?.hunk ?? "",
    ]
  }

  private static func report(_ fields: [String]) -> FeedbackReport? {
    func some(_ index: Int) -> String? { fields[index].isEmpty ? nil : fields[index] }
    guard let word = fields[5].split(separator: "/").first,
      let source = FeedbackSource(rawValue: String(word))
    else { return nil }
    let said = Feedback(
      id: FeedbackID(fields[5]), source: source, author: fields[6], isByBot: fields[7] == "true",
      thread: Int64(fields[8]), commit: some(9).map { ObjectID($0) }, line: Int(fields[10]),
      saidAt: Int64(fields[11]).map { Timestamp(milliseconds: $0) },
      text: FeedbackText(body: fields[12], path: some(13), hunk: some(14)))
    return FeedbackReport(
      repository: RepositoryName(fields[1]),
      pullRequests: fields[2].split(separator: ",").compactMap { Int64($0) },
      head: some(3).map { ObjectID($0) }, feedback: [said], sender: fields[4])
  }
}
