import EventLog
import Processes
import Text

/// What a delegation that ended as `Pushed` has left on the forge and in the log.
package struct Outcome {
  package var server: Installation
  package var repository: BareRepository
  package var delegation: JSONValue

  package init(server: Installation, repository: BareRepository, delegation: JSONValue) {
    self.server = server
    self.repository = repository
    self.delegation = delegation
  }

  private func require(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw KitFault(what()) }
  }

  /// - Parameter verifies: whether the log is replayed and compared too.
  /// - Throws: `KitFault` that says what is not as it must be.
  package func check(verifies: Bool = true) async throws {
    try await checkForge()
    try await checkLog()
    guard verifies else { return }
    let verified = try await server.replay(["--verify"])
    try require(verified.succeeded, "verify: \(verified.outputText)\(verified.errorText)")
  }

  private var id: String { delegation["id"].stringValue ?? "" }

  private func checkForge() async throws {
    let branch = delegation["branchName"].stringValue ?? ""
    let base = delegation["baseBranch"].stringValue ?? ""
    let stem = branch.split(separator: "-").dropLast().joined(separator: "-")
    let own = try await repository.branches().filter { $0.hasPrefix(stem + "-") }
    try require(own.contains(branch), "there is no branch \(branch), only \(own)")

    let commits = try await repository.commits(of: branch, beyond: base)
    try require(commits.count == 2, "the branch has \(commits.count) commits in place of two")
    let title = delegation["prTitle"].stringValue ?? ""
    try require(
      commits.allSatisfy { $0.message.hasPrefix("\(title)\n\n") }, "messages: \(commits)")
    try require(
      commits.allSatisfy { $0.message.contains("\nAipm-Delegation: \(id)") },
      "no trailer: \(commits)")
    try require(commits[0].files == ["TASK.md"], "the first commit has \(commits[0].files)")
    try require(!commits[0].message.contains("Aipm-Attempt:"), "an attempt in the task commit")
    try require(commits[1].message.contains("\nAipm-Attempt: "), "no attempt: \(commits[1])")
    try require(delegation["taskCommitSHA"].stringValue == commits[0].sha, "another task commit")
    try require(delegation["commitSHA"].stringValue == commits[1].sha, "another generated commit")
    try require(
      delegation["baseSHA"].stringValue.map { commits[0].parents == [$0] } ?? false, "base")
    let created = try await server.events(of: id).first {
      $0["type"].stringValue == "delegation.branch-created"
    }
    let trailer =
      "Aipm-Log: \(created?["position"].integerValue ?? 0):\(created?["hash"].stringValue ?? "")"
    try require(
      commits[0].message.contains("\n\(trailer)"), "no \(trailer) in \(commits[0].message)")

    let pulls = try await server.pullRequests(from: branch)
    try require(pulls.count == 1, "\(pulls.count) pull requests of \(branch)")
  }

  /// Each transition stands once and in order, but for those that a lost attempt repeats.
  private func checkLog() async throws {
    let events = try await server.events(of: id)
    let types = events.map { $0["type"].stringValue ?? "" }
    for type in [
      "requested", "base-resolved", "branch-created", "task-committed", "pr-created", "pushed",
    ] {
      let count = types.count { $0 == "delegation.\(type)" }
      try require(count == 1, "\(count) events \(type): \(types)")
    }
    let order = ["requested", "branch-created", "task-committed", "pr-created", "pushed"]
    let found = types.compactMap { type in order.first { type == "delegation.\($0)" } }
    try require(found == order, "the transitions stand as \(found)")
    let generated = types.count { $0 == "delegation.generated" }
    let stale = events.count { $0["data"]["code"].stringValue == "commit-stale" }
    try require(generated == 1 + stale, "\(generated) generated commits: \(types)")
    let versions = events.map { $0["version"].integerValue ?? 0 }
    try require(versions == Array(1...Int64(max(events.count, 1))), "versions \(versions)")
  }
}

extension Installation {
  /// The pull requests of the view whose branch this is.
  package func pullRequests(from branch: String) async throws -> [JSONValue] {
    var found: [JSONValue] = []
    var cursor = ""
    while true {
      let page = try await get("/api/pull-requests?limit=200\(cursor)").json
      found += (page["items"].arrayValue ?? []).filter { $0["branchName"].stringValue == branch }
      guard let next = page["next"].stringValue else { return found }
      cursor = "&cursor=\(next)"
    }
  }
}
