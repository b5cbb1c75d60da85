#if PostgreSQL

import Domain
import EventLog
import Foundation
import LogStories
import PostgreSQL
import PostgreSQLCluster
import PostgreSQLEventStore
import Projections
import Testing

/// What is looked at before a log is used.
extension PostgreSQLTests {
  private func refusal(_ body: () throws -> PostgreSQLEventStore) -> String {
    let fault = #expect(throws: StoreFault.self) { try body() }
    return fault.map { "\($0)" } ?? ""
  }

  @Test func aPoolerIsRefused() throws {
    let scratch = try Cluster.shared.database()
    let proxy = try Proxy(to: scratch.cluster.port)
    proxy.hideProcesses()
    let found = refusal { try scratch.open(Self.options(), port: proxy.port) }
    #expect(found.contains("there is a connection pooler between AIPM and PostgreSQL"))
  }

  @Test func aDatabaseOfAnotherEncodingIsRefused() throws {
    let scratch = try Cluster.shared.database("ENCODING 'SQL_ASCII'")
    let found = refusal { try scratch.open(Self.options()) }
    #expect(found.contains("server_encoding=SQL_ASCII in place of UTF8"))
  }

  @Test func aNewerLogIsRefused() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    await store.close()
    try scratch.session().execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    #expect(refusal { try scratch.open(Self.options()) }.contains("use a newer aipm"))
    #expect(throws: StoreFault.self) { try scratch.driver.reader() }
  }

  @Test func aDatabaseWithoutALogHasNoReader() throws {
    let scratch = try Cluster.shared.database()
    #expect(throws: NoLog.self) { try scratch.driver.reader() }
  }

  @Test func aSecondServerIsRefusedAndNamesTheFirst() throws {
    let scratch = try Cluster.shared.database()
    let lock = try scratch.driver.lock()
    lock.note("process 12, http://127.0.0.1:8080")
    let held = #expect(throws: StoreInUse.self) { try scratch.driver.lock() }
    #expect(held?.description.contains("in use by process 12, http://127.0.0.1:8080") == true)
    withExtendedLifetime(lock) {}
  }

  /// No error and no description shows the password, whatever is wrong.
  @Test func thePasswordIsNotShown() throws {
    let secret = "hunter2secret"
    let closed = "postgresql://aipm:\(secret)@127.0.0.1:1/log"
    for address in [
      closed, "postgresql://aipm:\(secret)@127.0.0.1:nonsense/log?x=",
      "postgresql://aipm:\(secret)@[::1",
      try Cluster.shared.address(of: "absent").replacing("aipm@", with: "aipm:\(secret)@"),
    ] {
      let driver = PostgreSQLDriver(address: address, folder: nil)
      #expect(!driver.description.contains(secret))
      let fault = #expect(throws: StoreFault.self) { try driver.open(Self.options()) }
      let found = fault?.description ?? ""
      #expect(!found.isEmpty && !found.contains(secret), "\(found)")
    }
    #expect(throws: PostgreSQLAddress.Fault.self) { try PostgreSQLAddress("mysql://a/b") }
  }

  /// What was edited is noticed at the opening; writes are refused, and reads go on.
  @Test(arguments: [
    "UPDATE events SET actor = 'mallory' WHERE position = 20",
    "UPDATE events SET hash = '\\x00' WHERE position = 20",
    "UPDATE payloads SET body = '\\x7b7d' WHERE position = 1",
    "UPDATE streams SET name = name || '0' WHERE id = 1",
    "DELETE FROM events WHERE position = 20",
    "UPDATE head SET position = position + 1",
    "UPDATE view_digests SET position = position - 1",
  ])
  func whatWasEditedIsNoticed(sql: String) async throws {
    let scratch = try Cluster.shared.database()
    let clock = HandClock()
    let store = try scratch.open(Self.options(clock))
    try await Self.fill(store, clock, seed: 1, appends: 60)
    await store.close()
    try scratch.session().execute(sql)
    let again = try scratch.open(Self.options(clock))
    #expect(again.damage != nil)
    await #expect(throws: AppendFault.self) {
      try await again.append(Story.append([Story.registered], after: 0))
    }
    #expect(try await !again.delegations(DelegationFilter(), before: nil, limit: 1).isEmpty)
    await again.close()
    let found = try await scratch.driver.reader().verify { _ in }
    #expect(!found.isSound)
  }

  @Test(arguments: [
    ("UPDATE delegations SET attempt = 99", "delegations"),
    ("DELETE FROM delegations WHERE stamp = (SELECT min(stamp) FROM delegations)", "delegations"),
    ("UPDATE workers SET agents = 'no json'", "workers"),
    ("UPDATE pull_requests SET url = url || '/'", "pull-requests"),
  ])
  func anEditedViewIsFoundAndRebuilt(sql: String, view: String) async throws {
    let scratch = try Cluster.shared.database()
    let clock = HandClock()
    let store = try scratch.open(Self.options(clock))
    try await Self.fill(store, clock, seed: 1, appends: 60)
    await store.close()
    try scratch.session().execute(sql)
    let found = try await scratch.driver.reader().verify { _ in }
    #expect(found.comparison.differences.contains { $0.key.view.rawValue == view })
    #expect(found.faults.contains("the kept digest of \(view) is not that of its rows"))
    let rebuild = try await scratch.driver.rebuildViews { _ in }
    #expect(!rebuild.isIdentical)
    try await Self.expectSound(scratch)
  }
}

#endif
