import Domain
import Testing

/// A repository is a path of at least two parts.
struct RepositoryNameTests {
  @Test(arguments: [
    ("a/b", "a", "b"), ("a/b/c", "a/b", "c"), ("g/s/t/.github", "g/s/t", ".github"),
  ])
  func parts(text: String, owner: String, name: String) throws {
    let repository = try #require(RepositoryName(text))
    #expect(repository == RepositoryName(owner: owner, name: name))
    #expect(repository.description == text && repository.isValid)
  }

  @Test(arguments: ["", "/", "a", "/a", "a/", "a//b", "/a/b", "a/b/"])
  func noRepositories(text: String) { #expect(RepositoryName(text) == nil) }

  /// Paths that would leave a folder, or be in another repository's.
  @Test(arguments: [
    "../b", "a/..", "a/../b", "a/.", "a.git/b", "a/b.git", "a/b.GIT/c", "a.slot/b", ".a/b", "a b/c",
    "a/é", "a/b\0",
  ])
  func pathsThatAreNotSafe(text: String) throws {
    #expect(try #require(RepositoryName(text)).isValid == false)
  }

  @Test func aLongPathIsNotSafe() throws {
    let part = String(repeating: "a", count: 60)
    #expect(try #require(RepositoryName("\(part)/\(part)")).isValid)
    #expect(try #require(RepositoryName("\(part)/\(part)/\(part)/b")).isValid == false)
  }
}

struct DelegationMarkerTests {
  private let id = DelegationID("0193b1c0-0000-7000-8000-00000000000a")

  @Test func aBodyNamesItsDelegation() {
    let marker = DelegationMarker.of(id)
    #expect(marker == "<!-- aipm: 0193b1c0-0000-7000-8000-00000000000a -->")
    #expect(DelegationMarker.delegation(in: "a body\n\n\(marker)\n") == id)
    #expect(DelegationMarker.delegation(in: marker.uppercased()) == nil)
  }

  @Test func otherTextsNameNone() {
    let comment = DelegationMarker.of(id, notice: Notice(moment: .pushed, marker: "pushed"))
    #expect(comment == "<!-- aipm: 0193b1c0-0000-7000-8000-00000000000a pushed -->")
    for text in ["", "<!-- aipm: ", "<!-- aipm: x -->", comment, "<!-- aipm: \(id)"] {
      #expect(DelegationMarker.delegation(in: text) == nil, "\(text)")
    }
  }
}
