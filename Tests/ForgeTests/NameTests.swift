import Domain
import ForgeGitHub
import Testing

/// The names that GitHub gives.
@Suite struct NameTests {
  private let rules = GitHubNames()

  @Test(arguments: [
    "a", "A1", "a-b-c", "name_company", "a-b_c1", "a-", "a--b", "-a", "a_b_c", "_a",
    String(repeating: "a", count: 39),
  ])
  func ownersThatGitHubGives(owner: String) {
    #expect(rules.faults(inOwner: owner) == [])
    #expect(RepositoryName(owner: owner, name: "tools").isValid)
  }

  @Test(arguments: [
    "", " ", "-", "--", "_", "a.b", "a b", "a/b", "ä", "a\n", "..", "a\0",
    String(repeating: "a", count: 40),
  ])
  func ownersThatItDoesNot(owner: String) {
    let faults = rules.faults(inOwner: owner)
    #expect(faults.count == 1 && faults.allSatisfy { $0.instead.hasPrefix("write ") })
  }

  @Test(arguments: ["a", ".github", "a.b-c_d", "git", "-", "_", String(repeating: "r", count: 100)])
  func repositoriesThatGitHubGives(repo: String) {
    #expect(rules.faults(inRepository: repo) == [])
    #expect(RepositoryName(owner: "octo", name: repo).isValid)
  }

  @Test(arguments: [
    "", "\t", ".", "..", "a.git", "a.GIT", "a.wiki", ".git", "a b", "a/b", "ü", "a\n", "a\u{202E}b",
    String(repeating: "r", count: 101),
  ])
  func repositoriesThatItDoesNot(repo: String) {
    let faults = rules.faults(inRepository: repo)
    #expect(faults.count == 1 && faults.allSatisfy { $0.instead.hasPrefix("write ") })
  }

  @Test func nestedGroupsAreRefused() throws {
    let nested = try #require(RepositoryName("group/subgroup/tools"))
    #expect(nested.isValid)
    #expect(
      rules.faults(in: nested).map(\.message) == ["is not a name that GitHub gives"])
  }

  /// Where people and git find repositories follows from the address of the API.
  @Test(arguments: [
    ("https://api.github.com", "https://github.com"),
    ("https://api.github.com/", "https://github.com"),
    ("https://api.acme.ghe.com", "https://acme.ghe.com"),
    ("https://git.example.com/api/v3", "https://git.example.com"),
    ("https://api.example.com/api/v3/", "https://api.example.com"),
    ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
  ])
  func repositoriesHaveAnAddress(api: String, expected: String) {
    #expect(GitHubSettings(embeddedAt: api, token: "t").repositoriesURL == expected)
  }
}
