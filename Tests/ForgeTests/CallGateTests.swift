import Dispatch
import Domain
import Engine
import ForgePort
import Foundation
import HTTPClient
import Mirrors
import RawSockets
import Synchronization
import Testing

@testable import ForgeGitHub

/// The client as a whole: how many calls are out at once, what is shared, what waits.
@Suite struct CallGateTests {
  /// A forge that holds every request back until it is let go, and counts those that it holds.
  private final class HoldingForge: Sendable {
    private let counts = Mutex((now: 0, most: 0, all: 0))
    var most: Int { counts.withLock { $0.most } }
    var all: Int { counts.withLock { $0.all } }

    func serve(_ connection: RawConnection) {
      while connection.readRequest() != nil {
        counts.withLock { counts in
          counts.now += 1
          counts.all += 1
          counts.most = max(counts.most, counts.now)
        }
        Thread.sleep(forTimeInterval: 0.1)
        counts.withLock { $0.now -= 1 }
        connection.answer(#"{"default_branch":"main","clone_url":"http://x/o/r.git"}"#)
      }
    }
  }

  private func client(
    _ server: RawServer, callsAtOnce: Int, credential: GitHubCredential = .token("t")
  ) -> GitHubClient {
    var configuration = GitHubClient.Configuration(apiURL: server.url, credential: credential)
    configuration.pace = ForgePace(callsAtOnce: callsAtOnce)
    return GitHubClient(
      http: HTTPClient(
        configuration: .init(userAgent: "aipm/test", proxy: .none, maxConnectionsPerHost: 64)),
      configuration: configuration)
  }

  @Test func noMoreCallsAreOutAtOnceThanThePaceSays() async throws {
    let forge = HoldingForge()
    let server = try RawServer { forge.serve($0) }
    defer { server.stop() }
    let client = client(server, callsAtOnce: 4)
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<24 {
        group.addTask {
          let name = RepositoryName(owner: "o", name: "r\(number)")
          #expect(fault(await client.perform(.repository(name))) == nil)
        }
      }
    }
    #expect(forge.all == 24)
    #expect(forge.most == 4)
    #expect(server.accepted <= 4)
    #expect(client.condition.calls == 24)
    #expect(client.condition.connections <= 4)
  }

  @Test func theSameQuestionIsAskedOnceForAllWhoAskItTogether() async throws {
    let forge = HoldingForge()
    let server = try RawServer { forge.serve($0) }
    defer { server.stop() }
    let client = client(server, callsAtOnce: 64)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<100 {
        group.addTask { #expect(fault(await client.perform(.repository(repository))) == nil) }
      }
    }
    #expect(forge.all >= 2 && forge.all < 25, "\(forge.all) requests for 100 questions")
    // Whoever asks afterwards is told what is so then.
    let before = forge.all
    _ = await client.perform(.repository(repository))
    #expect(forge.all == before + 1)
  }

  @Test func whoWaitsForItsTurnIsToldOfALimitThatComesMeanwhile() async throws {
    let requests = OneAnswer.Requests()
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        requests.append(request)
        Thread.sleep(forTimeInterval: 0.1)
        connection.answer("{}", status: "429 Slow", headers: ["Retry-After: 60"])
      }
    }
    defer { server.stop() }
    let client = client(server, callsAtOnce: 1)
    let kinds = await withTaskGroup(of: ForgeFault.Kind?.self) { group in
      for number in 0..<5 {
        group.addTask {
          fault(await client.perform(.repository(.init(owner: "o", name: "r\(number)"))))?.kind
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(requests.list.count == 1)
    #expect(kinds.count == 5)
    for case .some(let kind) in kinds {
      guard case .limited = kind else {
        Issue.record("\(kind)")
        continue
      }
    }
    #expect(client.condition.limitedUntil != nil)
  }

  @Test func whoWaitsForItsTurnWaitsOutALimitThatEndsSoon() async throws {
    let arrivals = Mutex<[ContinuousClock.Instant]>([])
    let server = try RawServer { connection in
      while connection.readRequest() != nil {
        let number = arrivals.withLock { arrivals in
          arrivals.append(.now)
          return arrivals.count
        }
        if number == 1 {
          Thread.sleep(forTimeInterval: 0.1)
          connection.answer("{}", status: "429 Slow", headers: ["Retry-After: 1"])
        } else {
          connection.answer(#"{"default_branch":"main","clone_url":"http://x/o/r.git"}"#)
        }
      }
    }
    defer { server.stop() }
    let client = client(server, callsAtOnce: 1)
    let faults = await withTaskGroup(of: ForgeFault?.self) { group in
      for number in 0..<20 {
        group.addTask {
          fault(await client.perform(.repository(.init(owner: "o", name: "r\(number)"))))
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    // The one that was told, and nobody else.
    #expect(faults.compactMap { $0 }.count == 1)
    let times = arrivals.withLock { $0 }
    #expect(times.count == 20)
    #expect(times[1] - times[0] >= .seconds(1))
    // git waits it out as well.
    #expect(client.condition.limitedUntil == nil)
    _ = client.noteLimit(.seconds(1))
    let begun = ContinuousClock.now
    try await client.pass()
    #expect(ContinuousClock.now - begun >= .milliseconds(990))
  }

  @Test func aForgeThatIsDownIsNotAskedByEverybody() async throws {
    let port = try ClosedPort()
    let client = GitHubClient(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: .init(apiURL: "http://127.0.0.1:\(port.number)", token: "t"))
    for number in 0..<8 {
      let name = RepositoryName(owner: "o", name: "r\(number)")
      #expect(fault(await client.perform(.repository(name)))?.kind == .unreachable)
    }
    let found = try #require(fault(await client.perform(.repository(repository))))
    guard case .down(let until) = found.kind else {
      Issue.record("\(found)")
      return
    }
    #expect(client.condition.downUntil == until)
    #expect(found.hint?.contains("by itself") == true)
  }

  @Test func gitKeepsTheWaitToo() async throws {
    let server = try RawServer { connection in
      while connection.readRequest() != nil {
        connection.answer("{}", status: "429 Slow", headers: ["Retry-After: 60"])
      }
    }
    defer { server.stop() }
    let client = client(server, callsAtOnce: 4)
    _ = await client.perform(.repository(repository))
    let mirrors = GitMirrors(
      forge: client,
      configuration: .init(root: "/nonexistent/mirrors", token: "t", apiURL: server.url))
    let answer = await mirrors.perform(
      .fetch(repository, branch: "b", after: ObjectID(String(repeating: "a", count: 40))))
    guard case .failure(let found) = answer, case .limited(let until) = found.kind else {
      Issue.record("\(answer)")
      return
    }
    #expect(until == client.condition.limitedUntil)
  }

  @Test func gitKeepsAWaitThatBeganWhileItPrepared() async throws {
    let (asked, isAsked) = AsyncStream<Void>.makeStream()
    let mayAnswer = DispatchSemaphore(value: 0)
    let gitCalls = Mutex(0)
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        if request.line.hasPrefix("GET /repos/o/slow ") {
          isAsked.yield()
          mayAnswer.wait()
          let address = request.header("host") ?? ""
          connection.answer(
            #"{"default_branch":"main","clone_url":"http://\#(address)/o/slow.git"}"#,
            status: "200 OK")
        } else {
          if request.line.contains(".git/") { gitCalls.withLock { $0 += 1 } }
          connection.answer("{}", status: "429 Slow", headers: ["Retry-After: 60"])
        }
      }
    }
    defer { server.stop() }
    let client = client(server, callsAtOnce: 4)
    let root = NSTemporaryDirectory() + "aipm-mirrors-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: root) }
    let mirrors = GitMirrors(
      forge: client, configuration: .init(root: root, token: "t", apiURL: server.url))
    async let fetched = mirrors.perform(
      .fetch(
        RepositoryName(owner: "o", name: "slow"), branch: "b",
        after: ObjectID(String(repeating: "a", count: 40))))
    for await _ in asked { break }
    _ = await client.perform(.repository(repository))
    mayAnswer.signal()
    guard case .failure(let found) = await fetched, case .limited(let until) = found.kind else {
      Issue.record("no wait was kept")
      return
    }
    #expect(until == client.condition.limitedUntil)
    #expect(gitCalls.withLock { $0 } == 0)
  }

  @Test func aLimitThatGitIsToldOfIsTheWholeCredentials() async throws {
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        if request.line.hasPrefix("GET /repos/o/slow ") {
          let address = request.header("host") ?? ""
          connection.answer(
            #"{"default_branch":"main","clone_url":"http://\#(address)/o/slow.git"}"#,
            status: "200 OK")
        } else {
          connection.answer("", status: "429 Slow", headers: ["Retry-After: 7"])
        }
      }
    }
    defer { server.stop() }
    let client = client(server, callsAtOnce: 4)
    let root = NSTemporaryDirectory() + "aipm-mirrors-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: root) }
    let mirrors = GitMirrors(
      forge: client, configuration: .init(root: root, token: "t0ken", apiURL: server.url))
    let answer = await mirrors.perform(
      .fetch(
        RepositoryName(owner: "o", name: "slow"), branch: "b",
        after: ObjectID(String(repeating: "a", count: 40))))
    guard case .failure(let found) = answer, case .limited(let until) = found.kind else {
      Issue.record("\(answer)")
      return
    }
    #expect(client.condition.limitedUntil == until)
    let left = Double(until.milliseconds) / 1000 - Date().timeIntervalSince1970
    #expect(left > 3 && left <= 7.1, "\(left)")
    // What git told of its calls is gone.
    let rest = try FileManager.default.contentsOfDirectory(atPath: root)
    #expect(rest.filter { $0.hasPrefix(".trace") } == [])
  }
}
