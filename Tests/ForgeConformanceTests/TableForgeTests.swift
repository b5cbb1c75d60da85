import Domain
import ForgeConformance
import ForgePort
import Testing

/// The suite on a forge that is nothing like GitHub.
@Suite("The conformance of a table") struct TableForgeTests {
  private struct Subject: ForgeUnderTest {
    let adapter: any ForgeAdapter
    let table: Table
    let repository: RepositoryName
    let prefix = "conformance"
    let reviewers = ["ann"]
    let testsPages = true
    var people: (any ForgePeople)? { TablePeople(table: table, repository: repository) }
    let situations = Set(Situation.allCases)

    init() throws {
      repository = try #require(RepositoryName("group/subgroup/tools"))
      table = Table()
      table.add(repository)
      adapter = TableForge(table)
    }

    func enter(_ situation: Situation) -> (any ForgeClient, RepositoryName) {
      var name = repository
      var special = Table.Repository(isEmpty: situation == .empty)
      special.archived = situation == .archived
      special.mayPush = situation != .readOnly
      if [.empty, .archived, .readOnly].contains(situation) {
        name = RepositoryName(owner: repository.owner, name: "special")
        table.add(name, special)
      }
      return (TableForge(table, situation: situation).client, name)
    }

    func webhook(
      _ event: WebhookEvent, id: String, secret: String
    ) -> (headers: [String: String], body: [UInt8]) {
      (["x-table-token": secret, "x-table-id": id], TableWebhooks.body(event))
    }
  }

  @Test(arguments: ForgeConformance.checks)
  func conforms(check: ConformanceCheck) async throws { try await check.run(try Subject()) }
}
