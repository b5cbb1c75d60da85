import Projections
import Testing

/// The address of a database: what is secret in it, and what of it is shown.
struct StoreAddressTests {
  @Test(arguments: [
    ("postgresql://db/log", [], "postgresql://db/log"),
    ("postgres://aipm@db:5433/log?sslmode=require", [], nil),
    ("postgresql://aipm:secret@db/log", ["secret"], "postgresql://aipm:***@db/log"),
    ("postgresql://a:p%40ss@x,y/log", ["p%40ss", "p@ss"], "postgresql://a:***@x,y/log"),
    ("postgresql://a:b:c@d@db", ["b:c@d"], "postgresql://a:***@db"),
    (
      "postgresql:///log?user=a&password=secret&port=1", ["secret"],
      "postgresql:///log?user=a&password=***&port=1"
    ),
    ("postgresql://a:x@db/l?password=y", ["x", "y"], "postgresql://a:***@db/l?password=***"),
    ("postgresql://[::1]:5432/log", [], nil),
  ])
  func passwords(text: String, passwords: [String], shown: String?) throws {
    let address = try #require(StoreAddress(text))
    #expect(address.passwords == passwords)
    #expect(address.shown == shown ?? text)
  }

  @Test func locations() {
    #expect(StoreLocation("data/x", folder: "d") == .folder("data/x"))
    #expect(
      StoreLocation("postgresql://db/l", folder: "d")
        == .postgreSQL(address: "postgresql://db/l", folder: "d"))
    #expect(StoreAddress("mysql://db") == nil && StoreAddress("/postgresql://") == nil)
  }
}
