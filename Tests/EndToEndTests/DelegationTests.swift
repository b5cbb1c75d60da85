import EventLog
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("A delegation") struct DelegationTests {}
}

extension EndToEndTests.DelegationTests {
  @Test("the contract's request gets the contract's answer, and then its commit")
  func contract() async throws {
    try await Installation.with { server in
      let repository = try await server.createRepository(
        "ebaejun/tools", from: try await server.makeRepository())
      let answer = try await server.post(
        "/api/personal-delegate", Installation.request("ebaejun/tools"))
      #expect(answer.status == 201)
      let json = answer.json
      let id = json["id"].stringValue ?? ""
      #expect(answer.header("Location") == "/api/delegations/\(id)")
      #expect(json["type"].stringValue == "pull_request")
      #expect(json["number"].integerValue == 1)
      #expect(json["html_url"].stringValue?.hasSuffix("/ebaejun/tools/pull/1") ?? false)
      let code = json["confirmationCode"].stringValue ?? ""
      #expect(code.hasPrefix("PR") && code.count == 15)
      let branch = "feature/add-export-\(code.dropFirst(2))"
      #expect(json["branchName"].stringValue == branch)

      let delegation = try await server.end(of: id)
      #expect(delegation["state"].stringValue == "Pushed")
      try await Outcome(server: server, repository: repository, delegation: delegation).check()
      let task = try await repository.file("TASK.md", at: "\(branch)~1")
      #expect(
        task == """
          # Add export button

          Objective: User can export data
          Constraints: Use existing button patterns
          Acceptance Criteria:
          - Button appears
          - Export works

          <!-- aipm: \(id) -->

          """)
      #expect(
        try await server.eventTypes(of: id) == [
          "delegation.requested", "delegation.base-resolved", "delegation.branch-created",
          "delegation.task-committed", "delegation.pr-created", "delegation.dispatched",
          "delegation.generating", "delegation.generated", "delegation.pushed",
        ])
      try await theCommandLineShowsIt(server, id, code)
    }
  }

  /// The same delegation by every command that names one.
  private func theCommandLineShowsIt(
    _ server: Installation, _ id: String, _ code: String
  ) async throws {
    for reference in [id, code, "ebaejun/tools#1"] {
      let shown = try await server.aipm(["show", reference, "--json"])
      #expect(shown.succeeded, "\(shown.errorText)")
      #expect(try JSONValue(json: shown.standardOutput)["id"].stringValue == id)
    }
    let watched = try await server.aipm(["watch", code])
    #expect(watched.succeeded)
    for state in ["Requested", "BranchCreated", "TaskCommitted", "PRCreated", "Dispatched"] {
      #expect(watched.outputText.contains("  \(state)"))
    }
    let said = try await server.aipm(["logs", code])
    #expect(said.outputText.contains("demo agent:"))
    #expect(try await server.aipm(["logs", code, "--follow"]).outputText == said.outputText)
    let lines = said.outputText.split(separator: "\n").count
    for (limit, count) in [("", lines), ("&limit=1", 1), ("&limit=\(lines + 1)", lines)] {
      let path = "/api/delegations/\(id)/output/matches?q=DEMO%20agent\(limit)"
      let found = try await server.get(path).json
      #expect(found["items"].arrayValue?.count == count, "\(limit): \(found)")
      #expect(found["complete"].boolValue == (count == lines))
    }
    #expect(try await server.aipm(["list", "--quiet"]).outputText == "\(code)\n")
    #expect(try await server.aipm(["workers"]).outputText.contains("worker-2"))
    #expect(try await server.aipm(["show", "PR1"]).exit == .exited(3))
    #expect(try await server.aipm(["cancel", code]).exit == .exited(1))
    let diff = try await server.get("/api/delegations/\(id)/diff")
    #expect(diff.status == 200 && diff.text.hasPrefix("diff --git "))
    try await showsFiles(of: diff.text, server, id)

    let replayed = try await server.replay(["--delegation", code, "--json"])
    let steps = try JSONValue(json: replayed.standardOutput)["items"].arrayValue ?? []
    #expect(steps.last?["state"].stringValue == "Pushed")
  }

  /// The first file of the change, before and after it; and no other file of the repository.
  private func showsFiles(of diff: String, _ server: Installation, _ id: String) async throws {
    let line = try #require(diff.split(separator: "\n").first { $0.hasPrefix("+++ b/") })
    let path = String(line.dropFirst("+++ b/".count))
    let route = "/api/delegations/\(id)/file"
    let file = try await server.get("\(route)?path=\(path)")
    #expect(file.status == 200 && !file.text.isEmpty)
    #expect(file.header("content-type") == "application/octet-stream")
    #expect(file.header("content-security-policy") == "default-src 'none'; sandbox")
    #expect(file.header("x-content-type-options") == "nosniff")
    #expect(try await server.get("\(route)?path=\(path)&side=before").status == 404)
    #expect(try await server.get("\(route)?path=README.md").status == 404)
    #expect(try await server.get("\(route)?path=../../aipm.db").status == 404)
    #expect(try await server.get("\(route)?side=after").status == 422)
    #expect(try await server.get("\(route)?path=\(path)&side=both").status == 422)
    let plain = try await server.get("/api/delegations/\(id)/diff?ignore-whitespace=1")
    #expect(plain.status == 200 && plain.text.hasPrefix("diff --git "))
  }

  @Test("two are generated side by side, and a third waits for its turn")
  func sideBySide() async throws {
    try await Installation.with(starts: false) { server in
      try await server.createRepository()
      let agent = try server.script("agent", Agents.waiting(for: "go"))
      try await server.start(["--agent", "command", "--agent-command", "\(agent) \(server.folder)"])
      var ids: [String] = []
      for _ in 0..<2 { ids.append(try await server.submit()) }
      for id in ids { try await server.event("delegation.generating", of: id) }
      // Only now: whoever is prepared first is dispatched first.
      ids.append(try await server.submit())
      try await server.event("delegation.pr-created", of: ids[2])
      let busy = try await server.get("/api/workers").json["items"].arrayValue ?? []
      #expect(Set(busy.compactMap { $0["delegation"].stringValue }) == Set(ids.prefix(2)))
      #expect(busy.allSatisfy { $0["state"].stringValue == "busy" })
      try server.touch("go")
      for id in ids {
        #expect(try await server.end(of: id)["state"].stringValue == "Pushed")
      }
    }
  }

  @Test("submit --wait ends with 0 where it is pushed, and with 1 where it fails")
  func submitAndWait() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      func submit(_ repository: String) async throws -> ProcessResult {
        try await server.aipm([
          "submit", "--repo", repository, "--branch", "b", "--title", "T", "--objective", "O",
          "--pr-title", "P", "--accept", "works", "--wait",
        ])
      }
      let pushed = try await submit("acme/tools")
      #expect(pushed.exit == .exited(0), "\(pushed.errorText)")
      #expect(pushed.outputText.contains("Task created. Confirmation: PR"))
      let refused = try await submit("acme/missing")
      #expect(refused.exit == .exited(1))
      #expect(refused.errorText.contains("acme/missing was not found"))
    }
  }
}

/// Agents as scripts.
enum Agents {
  /// Writes a file once `name` stands in the folder that is its first argument.
  static func waiting(for name: String) -> String {
    """
    #!/bin/sh
    echo "waiting"
    while [ ! -e "$1/\(name)" ]; do sleep 0.05; done
    echo "code" > generated.txt
    echo "done"
    """
  }
}
