import Access
import Domain
import Randomness
import Testing

@Suite struct AccessTests {
  private let tools = RepositoryName(owner: "acme", name: "tools")

  /// What each role may do, as the guide has it.
  static let table: [(Role, Set<Permission>)] = [
    (.submit, [.read, .submit, .changeOwn]),
    (.support, [.read, .readLog]),
    (.operator, [.read, .readLog, .changeOwn, .changeAll, .manageWorkers]),
    (
      .admin,
      [.read, .readLog, .submit, .changeOwn, .changeAll, .manageWorkers, .administer]
    ),
    (.worker, [.work]),
  ]

  @Test func everyRoleMayWhatTheTableSays() {
    #expect(Self.table.map(\.0) == Role.allCases)
    for (role, permitted) in Self.table {
      let one = Principal(name: "x", roles: [role])
      for permission in Permission.allCases {
        #expect((one.refusal(of: permission) == nil) == permitted.contains(permission))
      }
    }
  }

  @Test func whoHasNoRoleMayNothing() {
    for permission in Permission.allCases {
      #expect(Principal(name: "x", roles: []).refusal(of: permission) == .role(permission))
    }
  }

  @Test func rolesAddUp() {
    let both = Principal(name: "x", roles: [.submit, .support])
    for permission in Permission.allCases {
      let permitted = [Role.submit, .support].contains { $0.permissions.contains(permission) }
      #expect((both.refusal(of: permission) == nil) == permitted)
    }
  }

  @Test func aLimitHoldsForEachRole() throws {
    let pattern = try #require(RepositoryPattern("acme/*"))
    let other = RepositoryName(owner: "other", name: "tools")
    for role in Role.allCases {
      let limited = Principal(name: "x", roles: [role], repositories: [pattern])
      for permission in Permission.allCases where role.permissions.contains(permission) {
        if permission.isLimitedByRepository {
          #expect(limited.refusal(of: permission, in: tools) == nil)
          #expect(limited.refusal(of: permission, in: other) == .repository(other))
        } else {
          #expect(limited.refusal(of: permission) == .limited(permission))
        }
      }
    }
  }

  @Test func submittersChangeTheirOwnAlone() {
    let one = Principal(name: "ann", roles: [.submit])
    #expect(one.refusalOfChange(to: "ann", in: tools) == nil)
    #expect(one.refusalOfChange(to: "bob", in: tools) == .role(.changeAll))
    let all = Principal(name: "ann", roles: [.operator])
    #expect(all.refusalOfChange(to: "bob", in: tools) == nil)
  }

  @Test(arguments: [
    ("acme/tools", "acme/tools", true), ("acme/tools", "ACME/Tools", true),
    ("acme/tools", "acme/tools2", false), ("acme/tools", "xacme/tools", false),
    ("acme/*", "acme/tools", true), ("acme/*", "acme2/tools", false), ("*", "a/b", true),
    ("*/docs", "a/docs", true), ("*/docs", "a/docs2", false), ("a*/t*s", "acme/tools", true),
    ("acme/*/api", "acme/group/api", true), ("acme/a*a", "acme/a", false),
    ("acme/ab*ba", "acme/aba", false), ("acme/*b*", "acme/b", true), ("acme/**", "acme/x", true),
  ]) func patternsMatch(pattern: String, name: String, matches: Bool) throws {
    let repository = try #require(RepositoryName(name) ?? Self.nested(name))
    #expect(try #require(RepositoryPattern(pattern)).matches(repository) == matches)
  }

  private static func nested(_ name: String) -> RepositoryName? {
    name.lastIndex(of: "/").map {
      RepositoryName(owner: String(name[..<$0]), name: String(name[name.index(after: $0)...]))
    }
  }

  @Test(arguments: ["", "acme", "acme/to ols", "acme/[a]", "acme/?", "acme/\u{e9}", "a/\n"])
  func whatNoRepositoryIsCalledIsNoPattern(text: String) {
    #expect(RepositoryPattern(text) == nil)
    #expect(RepositoryPattern(String(repeating: "a/", count: 101)) == nil)
  }

  /// Against the plain way to say it: all ways to put the parts into the name are tried.
  @Test func patternsMatchAsTheirMeaningSays() throws {
    var random = Seeded(7)
    func means(_ pattern: ArraySlice<Character>, _ name: ArraySlice<Character>) -> Bool {
      guard let first = pattern.first else { return name.isEmpty }
      if first == "*" {
        return means(pattern.dropFirst(), name)
          || (!name.isEmpty && means(pattern, name.dropFirst()))
      }
      return name.first == first && means(pattern.dropFirst(), name.dropFirst())
    }
    var matching = 0
    for _ in 0..<20_000 {
      let text = String(
        (0..<Int.random(in: 2...7, using: &random)).map { _ in
          "ab*/".randomElement(using: &random) ?? "a"
        })
      let name =
        "a/"
        + String(
          (0..<Int.random(in: 1...5, using: &random)).map { _ in
            "ab".randomElement(using: &random) ?? "a"
          })
      guard let pattern = RepositoryPattern(text) else { continue }
      let expected = means(Array(text)[...], Array(name)[...])
      let repository = try #require(RepositoryName(name))
      #expect(pattern.matches(repository) == expected, "\(text) and \(name)")
      if expected { matching += 1 }
    }
    #expect(matching > 300)
  }
}
