import Domain
import ForgePort
import HTTPClient
import RawSockets
import Testing

@testable import ForgeGitHub

/// Why a check failed: its annotations, and the end of its job's log.
@Suite struct CheckReportTests {
  private static let check = ForgeCheck(
    id: FeedbackID(.check, 7), name: "build", commit: ObjectID("a"), outcome: .failed,
    author: "github-actions", job: 7, annotations: 1)
  private static let annotations =
    #"[{"path":"a.swift","start_line":3,"annotation_level":"failure","title":null,"#
    + #""message":"no such name"}]"#

  /// A forge, and another host that holds the logs.
  private struct Hosts {
    let forge: OneAnswer
    let requests = OneAnswer.Requests()
    let storage: RawServer

    /// - Parameter log: what the other host answers; nil: 404 without a redirect.
    init(
      annotations: String? = CheckReportTests.annotations,
      log: (@Sendable (RawConnection) -> Void)?
    ) throws {
      let requests = requests
      storage = try RawServer { connection in
        while let request = connection.readRequest() {
          requests.append(request)
          guard let log else { return }
          log(connection)
        }
      }
      let url = storage.url
      let hasLog = log != nil
      forge = try OneAnswer { connection, request in
        if request.line.contains("/annotations"), let annotations {
          connection.answer(annotations)
        } else if request.line.contains("/actions/jobs/7/logs"), hasLog {
          connection.answer("", status: "302 Found", headers: ["Location: \(url)/log?sig=abc"])
        } else {
          connection.answer(#"{"message":"Not Found"}"#, status: "404 Not Found")
        }
      }
    }

    func report(of check: ForgeCheck = CheckReportTests.check) async throws -> String {
      let answer = await forge.client.perform(.checkReport(repository, check))
      guard case .checkReport(let text) = try answer.get() else { throw CancellationError() }
      return text
    }
  }

  /// The credential goes to the API alone.
  @Test func theLogIsFetchedFromAnotherHostWithoutTheCredential() async throws {
    let hosts = try Hosts { $0.answer("\u{1b}[31merror:\u{1b}[0m no such name\n") }
    let report = try await hosts.report()
    #expect(report == "a.swift:3: failure: no such name\n\nerror: no such name\n")
    let asked = hosts.forge.requests.list
    #expect(asked.allSatisfy { $0.header("authorization") == "Bearer s3cret-token" })
    #expect(asked.map(\.line).contains { $0.contains("/check-runs/7/annotations?per_page=100") })
    let fetched = hosts.requests.list
    #expect(fetched.map(\.line) == ["GET /log?sig=abc HTTP/1.1"])
    for request in fetched {
      #expect(request.header("authorization") == nil)
      #expect(!"\(request)".contains("s3cret"))
    }
  }

  @Test func theEndOfALongLogIsKept() async throws {
    let hosts = try Hosts(annotations: "[]") { connection in
      let lines = (1...200_000).map { "line \($0): é\n" }.joined()
      connection.answer(lines)
    }
    let report = try await hosts.report()
    #expect(report.unicodeScalars.count <= ForgeCheck.reportMax)
    #expect(report.unicodeScalars.count > ForgeCheck.reportMax - 100)
    #expect(report.hasPrefix("[cut: this is the end]\nline "))
    #expect(report.hasSuffix("line 199999: é\nline 200000: é\n"))
  }

  @Test func manyAnnotationsLeaveRoomForTheLog() async throws {
    let words = String(repeating: "x", count: 2000)
    let one =
      #"{"path":"a","start_line":1,"annotation_level":"failure","message":"\#(words)"}"#
    let list = "[\(Array(repeating: one, count: 100).joined(separator: ","))]"
    let hosts = try Hosts(annotations: list) { connection in
      connection.answer(String(repeating: "y\n", count: 50_000) + "the last words\n")
    }
    let report = try await hosts.report()
    #expect(report.unicodeScalars.count <= ForgeCheck.reportMax)
    #expect(report.hasPrefix("a:1: failure: xxx") && report.hasSuffix("y\nthe last words\n"))
  }

  @Test func aMissingLogIsNoFault() async throws {
    #expect(try await Hosts(log: nil).report() == "a.swift:3: failure: no such name")
    let nothing = try Hosts(annotations: nil, log: nil)
    #expect(try await nothing.report() == "")
    // The other host fails, or breaks off.
    let failing = try Hosts { $0.answer("<Error/>", status: "403 Forbidden") }
    #expect(try await failing.report() == "a.swift:3: failure: no such name")
    let cut = try Hosts { connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")
      connection.reset()
    }
    #expect(try await cut.report() == "a.swift:3: failure: no such name")
  }

  @Test func aCheckWithoutJobHasNoLog() async throws {
    let hosts = try Hosts { $0.answer("log") }
    var check = Self.check
    (check.job, check.annotations) = (nil, 0)
    #expect(try await hosts.report(of: check) == "")
    check.id = FeedbackID(.check, "status-7")
    check.annotations = 3
    #expect(try await hosts.report(of: check) == "")
    #expect(hosts.forge.requests.list.isEmpty)
  }

  /// A limit or an outage ends, so the report is asked for again.
  @Test func anOutageIsAFault() async throws {
    let forge = try OneAnswer("503 Busy", "{}")
    let found = fault(await forge.client.perform(.checkReport(repository, Self.check)))
    #expect(found?.kind == .unavailable)
    let limited = try OneAnswer("429 Slow", "{}", headers: ["Retry-After: 30"])
    guard
      case .limited = fault(
        await limited.client.perform(.checkReport(repository, Self.check)))?.kind
    else {
      Issue.record("no limit")
      return
    }
  }

  @Test func theLogIsNotFetchedInClearText() {
    let (secure, plain) = ("https://api.github.com", "http://127.0.0.1:9")
    #expect(GitHubClient.mayRead("https://storage/x", apiURL: secure))
    #expect(!GitHubClient.mayRead("http://storage/x", apiURL: secure))
    #expect(GitHubClient.mayRead("http://storage/x", apiURL: plain))
    #expect(!GitHubClient.mayRead("ftp://storage/x", apiURL: plain))
  }

  /// The forge redirects to the repository's new name first, with the credential.
  @Test func theLogOfARenamedRepositoryIsFound() async throws {
    let storage = try RawServer { connection in
      while connection.readRequest() != nil { connection.answer("words of the log") }
    }
    defer { storage.stop() }
    let forge = try OneAnswer { connection, request in
      let path = request.line.split(separator: " ")[1]
      if path.hasPrefix("/repos/octo/hello") {
        let rest = path.dropFirst("/repos/octo/hello".count)
        connection.answer(
          "{}", status: "301 Moved Permanently", headers: ["Location: /repositories/42\(rest)"])
      } else {
        connection.answer("", status: "302 Found", headers: ["Location: \(storage.url)/log"])
      }
    }
    var check = Self.check
    check.annotations = 0
    let answer = await forge.client.perform(.checkReport(repository, check))
    #expect(answer == .success(.checkReport("words of the log")))
  }
}
