import Domain
import Engine
import ForgePort
import Foundation
import RawSockets
import Testing

@testable import ForgeGitHub

@Suite struct RenameTests {
  @Test func aRenamedRepositoryIsFollowedOnceAndRemembered() async throws {
    let forge = try OneAnswer { connection, request in
      let path = request.line.split(separator: " ")[1]
      if path.hasPrefix("/repos/octo/hello") {
        let rest = path.dropFirst("/repos/octo/hello".count)
        connection.answer(
          #"{"message":"Moved Permanently"}"#, status: "301 Moved Permanently",
          headers: ["Location: /repositories/42\(rest)"])
      } else {
        connection.answer(#"{"object":{"sha":"a"}}"#, status: "201 Created")
      }
    }
    let sha = ObjectID(String(repeating: "a", count: 40))
    for branch in ["one", "two"] {
      let call = ForgeCall.createBranch(repository, branch: branch, sha: sha)
      #expect(await forge.client.perform(call) == .success(.created))
    }
    let lines = forge.requests.list.map(\.line)
    #expect(
      lines == [
        "POST /repos/octo/hello/git/refs HTTP/1.1", "POST /repositories/42/git/refs HTTP/1.1",
        "POST /repositories/42/git/refs HTTP/1.1",
      ])
    #expect(forge.requests.list[1].body == forge.requests.list[0].body)
  }

  @Test func pullRequestsOfARepositoryThatMovedAreLookedForUnderItsNewOwner() async throws {
    let pull =
      #"{"number":7,"html_url":"https://x/7","state":"open","head":{"ref":"b","sha":"1"},"#
      + #""base":{"ref":"main","sha":"2"}}"#
    let forge = try OneAnswer { connection, request in
      let path = request.line.split(separator: " ")[1]
      if path.hasPrefix("/repos/octo/hello") {
        let rest = path.dropFirst("/repos/octo/hello".count)
        connection.answer(
          "{}", status: "301 Moved Permanently", headers: ["Location: /repositories/42\(rest)"])
      } else if path.hasPrefix("/repositories/42/pulls") {
        connection.answer(path.contains("head=new%3Ab") ? "[\(pull)]" : "[]")
      } else {
        connection.answer(
          #"{"default_branch":"main","clone_url":"http://x/new/hello.git","owner":{"login":"new"}}"#
        )
      }
    }
    let answer = await forge.client.perform(.pullRequests(repository, headBranch: "b"))
    guard case .success(.pullRequests(let found)) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(found.map(\.number) == [7])
  }

  @Test func theCredentialDoesNotFollowToAnotherHost() async throws {
    let other = try OneAnswer("200 OK", "{}")
    let forge = try OneAnswer(
      "301 Moved", "{}", headers: ["Location: http://127.0.0.2:1/repositories/42"])
    let found = try #require(fault(await forge.client.perform(.repository(repository))))
    #expect(found.kind == .refused)
    #expect(other.requests.list.isEmpty)
  }

  @Test func aLoopEnds() async throws {
    let forge = try OneAnswer("301 Moved", "{}", headers: ["Location: /repos/octo/hello"])
    #expect(fault(await forge.client.perform(.repository(repository)))?.kind != nil)
    #expect(forge.requests.list.count == 2)
  }
}
