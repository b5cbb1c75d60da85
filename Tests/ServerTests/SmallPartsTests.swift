import Domain
import HTTPTypes
import NetworkRules
import Testing
import Text
import WorkerProtocol
import Workflows

@testable import Server

/// Small parts that other tests cannot see.
struct SmallPartsTests {
  @Test func fieldsAreNamedAsTheyAreAndNeverAsAnother() {
    let names: [(HTTPField.Name?, String)] = [
      (.secFetchSite, "Sec-Fetch-Site"), (.idempotencyKey, "Idempotency-Key"),
      (.prefer, "Prefer"), (.lastEventID, "Last-Event-ID"),
    ]
    for (name, text) in names { #expect(name?.rawName == text) }
    let fields: HTTPFields = [.origin: "http://a", .authorization: "b"]
    let unnamed = HTTPField.Name("no name")
    #expect(unnamed == nil && fields[unnamed] == nil)
  }

  @Test(arguments: [
    ("localhost", true), ("localhost:8080", true), ("127.0.0.1:1", true), ("[::1]", true),
    ("[::1]:65535", true), ("", false), ("localhost:", false), ("localhost:x", false),
    ("localhost:@evil.example", false), ("127.0.0.1:1@evil.example", false),
    ("127.0.0.1.evil.example", false), ("[::1].evil.example", false), ("[::1]:8080x", false),
    ("evil.example", false), ("localhost:123456", false),
  ])
  func namesOfThisMachine(host: String, isIt: Bool) {
    #expect(LocalGuard<APIContext>.isLoopback(host) == isIt)
  }

  @Test(arguments: [
    ("10.1.0.1", "10.1.0.1"), ("10.1.0.1, 10.2.0.2", "10.2.0.2"), ("10.2.0.2:4711", "10.2.0.2"),
    ("[2001:db8::1]:443", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"),
    ("::ffff:10.2.0.2", "10.2.0.2"), ("10.2.0.2,\t10.9.0.1", "10.2.0.2"),
    ("10.2.0.2, 10.9.0.1:80", "10.2.0.2"), ("10.2.0.2, 127.0.0.1", "127.0.0.1"),
    ("10.2.0.2, unknown", nil), ("10.2.0.2, ", nil), ("", nil), ("10.9.0.1", nil),
  ])
  func clientsOfProxies(field: String, client: String?) throws {
    let proxies = TrustedProxies([try AddressRange(parsing: "10.9.0.0/16")])
    #expect(proxies.client(in: field) == client)
  }

  @Test(arguments: [
    ("https://aipm.example", "aipm.example"), ("https://aipm.example:443", "aipm.example"),
    ("http://aipm.example:80", "aipm.example"), ("https://aipm.example:80", "aipm.example:80"),
    ("https://aipm.example:8443", "aipm.example:8443"),
  ])
  func hostsAsBrowsersWriteThem(url: String, host: String) throws {
    #expect(try #require(WebURL(url)).authority == host)
  }

  @Test func findingsOfWorkersWithEverNewNamesAreForgotten() async {
    let directory = AgentDirectory()
    let most = AgentDirectory.workersMax
    for n in 0..<(most + 10) { await directory.take([], from: WorkerID("w\(n)")) }
    await directory.take([], from: WorkerID("w10"))
    await directory.take([], from: WorkerID("new"))
    let known = await directory.all
    #expect(known.count == most)
    #expect(known[WorkerID("w10")] != nil && known[WorkerID("w11")] == nil)
  }

  /// A workflow may allow no change whose pack the server would not let in.
  @Test func everyPackThatAWorkflowMayAllowIsLetIn() {
    let largest = Workflow.Limits.changedBytesLargest
    #expect(Workflow.Limits.packBytesMax(changed: largest) > largest)
    #expect(
      ServerConfiguration.packBytesMax >= Workflow.Limits.packBytesMax(changed: largest))
  }
}
