import Domain
import ForgeGitHub
import ForgePort
import Foundation
import RawSockets
import Synchronization
import Testing

/// Reading and answering what is said on a pull request.
@Suite struct ConversationTests {
  private static let sha = String(repeating: "a", count: 40)

  /// A forge with an answer for each path, `404` for others. The longest part that fits counts.
  private static func forge(_ answers: [String: String]) throws -> OneAnswer {
    try OneAnswer { connection, request in
      let path = String(request.line.split(separator: " ")[1])
      let found = answers.filter { path.contains($0.key) }.max { $0.key.count < $1.key.count }
      guard let found else {
        connection.answer(#"{"message":"Not Found"}"#, status: "404 Not Found")
        return
      }
      connection.answer(found.value)
    }
  }

  private static func feedback(_ answer: ForgeAnswer) throws -> [Feedback] {
    guard case .feedback(let found) = try answer.get() else { throw CancellationError() }
    return found
  }

  private static func comment(_ id: Int, review: String, body: String = #""words""#) -> String {
    """
    {"id":\(id),"pull_request_review_id":\(review),"user":{"login":"ann","type":"User"},
    "body":\(body),"path":"a.swift","diff_hunk":"@@ -1 +1 @@\\n+x","commit_id":"\(sha)",
    "original_commit_id":"\(sha)","line":1,"original_line":1,"side":"RIGHT",
    "created_at":"2026-11-23T12:00:00Z"}
    """
  }

  private static func review(_ id: Int, _ state: String, body: String = #""words""#) -> String {
    #"{"id":\#(id),"user":{"login":"ann","type":"User"},"body":\#(body),"state":"\#(state)","#
      + #""commit_id":"\#(sha)"}"#
  }

  private static func said(_ id: Int, _ body: String = #""words""#) -> String {
    #"{"id":\#(id),"user":null,"body":\#(body),"created_at":"2026-11-23T12:00:00Z"}"#
  }

  private static func list(_ items: String...) -> String { "[\(items.joined(separator: ","))]" }

  @Test func whatWasSaidIsListedOldestFirstWithinItsSource() async throws {
    let forge = try Self.forge([
      "/pulls/7/comments": Self.list(
        Self.comment(10, review: "2"), Self.comment(9, review: "null"),
        Self.comment(8, review: "2", body: #""""#)),
      "/pulls/7/reviews": Self.list(
        Self.review(12, "APPROVED"), Self.review(2, "COMMENTED", body: #""""#),
        Self.review(3, "CHANGES_REQUESTED")),
      "/issues/7/comments": Self.list(Self.said(20), Self.said(4), Self.said(30, "null")),
    ])
    let found = try Self.feedback(
      await forge.client.perform(.feedback(repository, number: 7)))
    #expect(
      found.map(\.id.rawValue) == [
        "review/3", "review-comment/9", "review-comment/10", "comment/4", "comment/20",
      ], "an approval asks for nothing")
    #expect(found.map(\.author) == ["ann", "ann", "ann", "ghost", "ghost"])
    #expect(found[1].thread == 9 && found[1].line == 1 && found[1].text?.path == "a.swift")
    #expect(found.allSatisfy { $0.text?.body == "words" })
    #expect(forge.requests.list.count == 3)
    let onLines = try Self.feedback(
      await forge.client.perform(.reviewComments(repository, number: 7)))
    #expect(onLines == Array(found[1...2]))
  }

  /// GitHub shows a pending review to its author, who may be AIPM's account.
  @Test func aReviewThatWasNotSubmittedIsNotSeen() async throws {
    let forge = try Self.forge([
      "/pulls/7/comments": Self.list(
        Self.comment(1, review: "50"), Self.comment(2, review: "51"),
        // Its review was discarded after the comments were read.
        Self.comment(3, review: "52")),
      "/pulls/7/reviews": Self.list(
        Self.review(50, "PENDING"), Self.review(51, "COMMENTED"), Self.review(53, "DISMISSED")),
      "/issues/7/comments": "[]",
    ])
    let found = try Self.feedback(
      await forge.client.perform(.feedback(repository, number: 7)))
    #expect(found.map(\.id.rawValue) == ["review/51", "review-comment/2"])
    let onLines = try Self.feedback(
      await forge.client.perform(.reviewComments(repository, number: 7)))
    #expect(onLines.map(\.id.rawValue) == ["review-comment/2"])
    let lines = forge.requests.list.map(\.line)
    let comments = try #require(lines.firstIndex { $0.contains("/pulls/7/comments") })
    let reviews = try #require(lines.firstIndex { $0.contains("/pulls/7/reviews") })
    #expect(comments < reviews)
  }

  @Test func allPagesAreRead() async throws {
    let forge = try OneAnswer { connection, request in
      let path = request.line.split(separator: " ")[1]
      guard path.contains("/issues/7/comments") else { return connection.answer("[]") }
      let page = path.contains("&page=1") || path.hasSuffix("page=1") ? 0 : 1
      let ids = page == 0 ? 1...100 : 101...130
      connection.answer("[\(ids.map { Self.said($0) }.joined(separator: ","))]")
    }
    let found = try Self.feedback(
      await forge.client.perform(.feedback(repository, number: 7)))
    #expect(found.map(\.id.rawValue) == (1...130).map { "comment/\($0)" })
  }

  /// Nothing is silently left out.
  @Test func aConversationWithoutEndIsRefused() async throws {
    let page = "[\((1...100).map { Self.said($0) }.joined(separator: ","))]"
    let forge = try Self.forge(["/pulls/7/": "[]", "/issues/7/comments": page])
    let found = fault(await forge.client.perform(.feedback(repository, number: 7)))
    #expect(found?.kind == .refused && found?.hint != nil)
  }

  @Test func aReplyGoesToItsThread() async throws {
    let forge = try OneAnswer("201 Created", #"{"id":5,"in_reply_to_id":9,"body":"done"}"#)
    let call = ForgeCall.reply(repository, number: 7, thread: 9, body: "döne")
    #expect(await forge.client.perform(call) == .success(.created))
    let request = try #require(forge.requests.list.first)
    #expect(request.line == "POST /repos/octo/hello/pulls/7/comments/9/replies HTTP/1.1")
    #expect(String(decoding: request.body, as: UTF8.self) == #"{"body":"döne"}"#)
    let gone = try OneAnswer("404 Not Found", #"{"message":"Not Found"}"#)
    #expect(fault(await gone.client.perform(call))?.kind == .notFound)
  }

  @Test func aHeadThatHasNotChangedCostsNothing() async throws {
    let ref = #"{"ref":"refs/heads/main","object":{"type":"commit","sha":"\#(Self.sha)"}}"#
    let forge = try OneAnswer { connection, request in
      if request.header("if-none-match") == "\"e\"" {
        connection.answer("", status: "304 Not Modified", headers: ["ETag: \"e\""])
      } else {
        connection.answer(ref, headers: ["ETag: \"e\""])
      }
    }
    func ask(_ since: ForgeValidator?) async -> ForgeAnswer {
      await forge.client.perform(.changedHead(repository, branch: "main", since: since))
    }
    let validator = ForgeValidator("\"e\"")
    #expect(await ask(nil) == .success(.changedHead(ObjectID(Self.sha), validator)))
    #expect(await ask(validator) == .success(.unchanged))
  }

  @Test func aPullRequestSaysWhetherItConflicts() async throws {
    func pull(_ state: String, _ mergeable: String) -> String {
      #"{"number":7,"html_url":"https://x/7","state":"\#(state)","body":null,"#
        + #""updated_at":"2026-11-23T12:00:00Z","mergeable":\#(mergeable),"#
        + #""head":{"ref":"b","sha":"1"},"base":{"ref":"main","sha":"2"}}"#
    }
    let cases: [(String, String, Bool?)] = [
      ("open", "null", nil), ("open", "true", false), ("open", "false", true),
      ("closed", "false", nil),
    ]
    for (state, mergeable, expected) in cases {
      let forge = try OneAnswer("200 OK", pull(state, mergeable))
      guard
        case .success(.pullRequest(let found)) = await forge.client.perform(
          .pullRequest(repository, number: 7))
      else {
        Issue.record("no pull request")
        return
      }
      #expect(found.conflicts == expected)
      #expect(found.updatedAt == Timestamp(iso8601: "2026-11-23T12:00:00Z"))
    }
  }
}
