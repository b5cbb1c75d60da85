import EventLog
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("The log answers") struct AuditTests {}
}

extension EndToEndTests.AuditTests {
  @Test("audit and why, by the API and by the command line")
  func audit() async throws {
    try await Installation.with { server in
      _ = try await server.createRepository("acme/tools", from: try await server.makeRepository())
      let id = try await server.submit()
      let ended = try await server.end(of: id)
      #expect(ended["state"].stringValue == "Pushed")
      try await pages(server, id)
      try await formats(server, id)
      try await faults(server)
      try await commandLine(server, id, commit: ended["commitSHA"].stringValue ?? "")
    }
  }

  private func pages(_ server: Installation, _ id: String) async throws {
    let whole = try await server.get("/api/audit?q=repo%3Aacme%2Ftools&limit=100")
    #expect(whole.status == 200)
    let events = try await server.get("/api/delegations/\(id)/events").json["items"].arrayValue
    #expect(whole.json["items"].arrayValue == events.map { $0.reversed() })
    var paged: [JSONValue] = []
    var cursor = ""
    repeat {
      let page = try await server.get("/api/audit?q=id%3A\(id)&limit=4\(cursor)").json
      paged += page["items"].arrayValue ?? []
      cursor = page["next"].stringValue.map { "&cursor=\($0)" } ?? ""
    } while !cursor.isEmpty
    #expect(paged == whole.json["items"].arrayValue)
  }

  private func formats(_ server: Installation, _ id: String) async throws {
    let lines = try await server.get("/api/audit?q=id%3A\(id)&format=jsonl&limit=3")
    #expect(lines.header("Content-Type") == "application/jsonl")
    #expect(lines.header("Next-Cursor") != nil)
    let events = try lines.text.split(separator: "\n").map { try JSONValue(json: Array($0.utf8)) }
    #expect(events.count == 3)
    #expect(events.allSatisfy { $0["stream"].stringValue == "delegation-\(id)" })
    let table = try await server.get("/api/audit?q=type%3Apushed&format=csv")
    #expect(table.header("Content-Type")?.hasPrefix("text/csv") == true)
    let rows = table.text.split(separator: "\r\n")
    #expect(rows.first == "position,time,type,stream,version,actorKind,actor,data")
    #expect(rows.count == 2 && rows[1].contains(",delegation.pushed,delegation-\(id),9,"))
  }

  private func faults(_ server: Installation) async throws {
    let wrong = try await server.get("/api/audit?q=x%20state%3ADone")
    #expect(wrong.status == 422)
    #expect(wrong.header("Content-Type") == "application/problem+json")
    #expect(wrong.json["term"].stringValue == "state:Done")
    #expect(wrong.json["column"].integerValue == 3)
    let errors = wrong.json["errors"].arrayValue ?? []
    #expect(errors.first?["field"].stringValue == "q")
    #expect(errors.first?["message"].stringValue?.contains("Requested") == true)
    for bad in ["format=xml", "limit=0", "limit=1001", "cursor=x"] {
      #expect(try await server.get("/api/audit?\(bad)").status == 422)
    }
  }

  private func commandLine(_ server: Installation, _ id: String, commit: String) async throws {
    let found = try await server.aipm(["audit", "sha:\(commit.prefix(8))", "type:pushed", "--json"])
    #expect(found.exit == .exited(0))
    let json = try JSONValue(json: Array(found.outputText.utf8))
    let items = json["items"].arrayValue ?? []
    #expect(items.count == 1 && items.first?["stream"].stringValue == "delegation-\(id)")
    for (format, count) in [("text", 9), ("table", 10), ("jsonl", 9)] {
      let told = try await server.aipm(["audit", "id:\(id)", "--format", format])
      #expect(told.outputText.split(separator: "\n").count == count, "\(format)")
    }
    let wrong = try await server.aipm(["audit", "age:10"])
    #expect(wrong.exit == .exited(2) && wrong.errorText.contains("age:10 (column 1)"))

    let type = try await server.aipm(["audit", "type:pushd"])
    #expect(
      type.exit == .exited(2) && type.errorText.contains("did you mean \"delegation.pushed\"?"))
    let field = try await server.aipm(["audit", "id:\(id)", "--limit", "1", "--json", "type"])
    #expect(field.outputText == "[{\"type\":\"delegation.pushed\"}]\n", "\(field.errorText)")
    let typed = try await server.aipm(["audit", "--json", "tpye"])
    #expect(typed.exit == .exited(2) && typed.errorText.contains("did you mean type?"))
    let only = try await server.aipm(["why", id, "--json", "sentences"])
    #expect(only.outputText.hasPrefix("{\"sentences\":["), "\(only.errorText)")

    let why = try await server.aipm(["why", id])
    #expect(why.exit == .exited(0))
    #expect(why.outputText.contains("asked for \"Add export button\" in acme/tools"))
    #expect(why.outputText.contains("It is Pushed: nothing more will be done."))
    let sentences = try await server.aipm(["why", id, "--json"])
    let told = try JSONValue(json: Array(sentences.outputText.utf8))["sentences"].arrayValue
    #expect(told?.count == 10)
    let absent = try await server.aipm(["why", "PR1"])
    #expect(absent.exit == .exited(3))
  }
}
