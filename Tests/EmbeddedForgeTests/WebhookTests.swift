import Cryptography
import FoundationEssentials
import Logging
import Processes
import RawSockets
import Testing

@testable import EmbeddedForge

/// Webhooks of the configuration, of git's pushes, and under pressure. Payloads are compared with
/// GitHub's models by the tests of other clients.
@Suite("Webhooks", .timeLimit(.minutes(2))) struct WebhookTests {
  private static let secret = "It's a Secret to Everybody"

  private func hooked(
    _ receiver: HookReceiver, _ body: (RunningForge) async throws -> Void
  ) async throws {
    try await RunningForge.fresh(
      RepositorySettings(), { $0.hooks = [ForgeHook(url: receiver.url, secret: Self.secret)] }, body
    )
  }

  @Test("a configured receiver gets the events of every repository, signed")
  func configured() async throws {
    let receiver = try HookReceiver()
    try await hooked(receiver) { forge in
      try await EmbeddedForge.createRepository("o/second", root: forge.root)
      let head = try await forge.branch("b")
      _ = try await forge.open("b")
      let opened = try #require(await receiver.expect("pull_request.opened").first)
      let code = HMACSHA256.code(for: opened.body, key: Array(Self.secret.utf8))
      #expect(opened.signature == "sha256=" + code.map { hex($0) }.joined())
      #expect(opened.payload["pull_request"]["head"]["sha"].text == head)
      #expect(
        opened.payload["pull_request"]["html_url"].text == "\(forge.base)/o/r/pull/1")
      #expect(UUID(uuidString: opened.delivery) != nil)
      _ = try await forge.call(
        "PUT", "/repos/o/second/contents/a", #"{"message":"m","content":""}"#)
      let push = try #require(await receiver.expect("push").first)
      #expect(push.payload["repository"]["full_name"].text == "o/second")
    }
  }

  private func hex(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16)
    return text.count == 1 ? "0\(text)" : text
  }

  @Test("a push by git: its commits, and the pull request that it moves, closes or merges")
  func push() async throws {
    let receiver = try HookReceiver()
    try await hooked(receiver) { forge in
      try await withTemporaryFolder { folder in
        let before = try await forge.branch("b")
        _ = try await forge.open("b")
        try await forge.git(
          ["clone", "-q", "-b", "b", "\(forge.authenticated)/o/r.git", folder], in: "/")
        try write("b\n", to: "\(folder)/b.txt")
        try await forge.git(["add", "."], in: folder)
        try await forge.git(["commit", "-qm", "second"], in: folder)
        try await forge.git(["push", "-q", "origin", "b"], in: folder)
        let head = try await forge.git(["rev-parse", "HEAD"], in: folder).trimmedOutput
        let moved = await receiver.expect("pull_request.opened", "pull_request.synchronize")
        #expect(moved.last?.payload["before"].text == before)
        #expect(moved.last?.payload["after"].text == head)
        try await forge.git(["push", "-q", "origin", "b:main"], in: folder)
        let merged = await receiver.expect("push", "pull_request.closed")
        #expect(merged.last?.payload["pull_request"]["merged"].isTrue == true)
        #expect(merged.first?.payload["ref"].text == "refs/heads/main")
        #expect(merged.first?.payload["commits"].items.last?["added"].items.first?.text == "b.txt")
        try await forge.git(["push", "-q", "--force", "origin", "HEAD~1:refs/heads/b"], in: folder)
        let forced = await receiver.expect("push")
        #expect(forced.first?.payload["forced"].isTrue == true)
        try await forge.git(["push", "-q", "origin", ":b"], in: folder)
        let deleted = await receiver.expect("push")
        #expect(deleted.first?.payload["deleted"].isTrue == true)
        #expect(deleted.first?.payload["head_commit"] == .null)
      }
    }
  }

  @Test("what nobody submitted makes no event")
  func pending() async throws {
    let receiver = try HookReceiver()
    try await hooked(receiver) { forge in
      _ = try await forge.branch("b")
      _ = try await forge.open("b")
      _ = await receiver.expect("pull_request.opened")
      let comment = #"{"path":"a.txt","line":1,"body":"c"}"#
      let review = try await forge.call(
        "POST", "/repos/o/r/pulls/1/reviews", #"{"comments":[\#(comment)]}"#)
      #expect(review["state"].text == "PENDING")
      let id = try #require(review["id"].number)
      let one = try await forge.get("/repos/o/r/pulls/1/reviews/\(id)/comments")[0]["id"].number
      _ = try await forge.call(
        "PATCH", "/repos/o/r/pulls/comments/\(one ?? 0)", #"{"body":"d"}"#)
      _ = try await forge.call("DELETE", "/repos/o/r/pulls/1/reviews/\(id)")
      // The next event is that of something later.
      _ = try await forge.call("POST", "/repos/o/r/issues/1/comments", #"{"body":"e"}"#)
      var next = ""
      for await event in receiver.all {
        next = event.title
        break
      }
      #expect(next == "issue_comment.created")
    }
  }

  @Test("its author and who may push delete a comment, once, and the event says so")
  func deletedComments() async throws {
    let receiver = try HookReceiver()
    try await RunningForge.fresh(
      RepositorySettings(),
      {
        $0.hooks = [ForgeHook(url: receiver.url, secret: Self.secret)]
        $0.accounts = [ForgeAccount(login: "ann", token: "a-token-of-ann")]
      }
    ) { forge in
      _ = try await forge.branch("b")
      _ = try await forge.open("b")
      let onLine = #"{"event":"COMMENT","comments":[{"path":"a.txt","line":1,"body":"c"}]}"#
      _ = try await forge.call("POST", "/repos/o/r/pulls/1/reviews", onLine)
      _ = try await forge.call("POST", "/repos/o/r/issues/1/comments", #"{"body":"d"}"#)
      for (list, path, event) in [
        ("issues/1/comments", "issues/comments", "issue_comment.deleted"),
        ("pulls/1/comments", "pulls/comments", "pull_request_review_comment.deleted"),
      ] {
        let id = try #require(try await forge.get("/repos/o/r/\(list)")[0]["id"].number)
        let one = "/repos/o/r/\(path)/\(id)"
        #expect(try await forge.call("DELETE", one, token: "a-token-of-ann").status == 403)
        #expect(try await forge.call("DELETE", one).status == 204)
        let deleted = try #require(await receiver.expect(event).first)
        #expect(deleted.payload["comment"]["id"].number == id)
        #expect(try await forge.call("DELETE", one).status == 404)
        #expect(try await forge.get("/repos/o/r/\(list)").items.isEmpty)
      }
    }
  }

  @Test("above a thousand that wait, the oldest are dropped and counted; calls do not wait")
  func pressure() async throws {
    try await withTemporaryFolder { folder in
      let receiver = try HookReceiver(answers: false)
      let store = try ForgeStore(path: "\(folder)/forge.db")
      let sender = WebhookSender(configured: [], store: store, logger: Logger(label: "hooks"))
      let sending = Task { await sender.run() }
      let call = WebhookCall(
        url: receiver.url, secret: nil, event: "ping", guid: "g", repository: 1, payload: [])
      for _ in 0..<8 { sender.send(call) }
      // All slots are taken.
      var count = 0
      for await _ in receiver.all {
        count += 1
        if count == 8 { break }
      }
      for _ in 0..<1100 { sender.send(call) }
      #expect((99...101).contains(sender.dropped))
      sending.cancel()
      await sending.value
      #expect(receiver.server.accepted == 8)
    }
  }

  @Test("a receiver that does not answer in time is recorded, and repeated only by a call")
  func slowReceiver() async throws {
    try await withTemporaryFolder { folder in
      let receiver = try HookReceiver(answers: false)
      let store = try ForgeStore(path: "\(folder)/forge.db")
      let repository = try await store.adopt(
        owner: "o", name: "r", folder: "f", settings: RepositorySettings())
      let hook = try await store.write(
        HookRecord(url: receiver.url, events: ["*"]), of: repository.id)
      let sender = WebhookSender(
        configured: [], store: store, timeout: .milliseconds(200), logger: Logger(label: "hooks"))
      let sending = Task { await sender.run() }
      defer { sending.cancel() }
      sender.send(WebhookCall(hook, "ping", nil, repository: repository.id, payload: [123, 125]))
      var kept: [DeliveryRecord] = []
      while kept.isEmpty {
        kept = try await store.deliveries(of: hook.id, limit: 10, offset: 0).page
        await Task.yield()
      }
      #expect(kept[0].code == 0 && kept[0].status == "timed out")
      #expect(try await store.hook(hook.id, of: repository.id)?.lastStatus == "timeout")
      #expect(receiver.server.accepted == 1)
    }
  }

  @Test("the last hundred deliveries of a webhook are kept")
  func keptDeliveries() async throws {
    try await withTemporaryFolder { folder in
      let store = try ForgeStore(path: "\(folder)/forge.db")
      let repository = try await store.adopt(
        owner: "o", name: "r", folder: "f", settings: RepositorySettings())
      let hook = try await store.write(HookRecord(url: "http://h", events: []), of: repository.id)
      for number in 1...105 {
        let delivery = DeliveryRecord(
          guid: "\(number)", event: "ping", isRedelivery: false, payload: [])
        try await store.add(delivery, to: hook.id)
      }
      let (page, total) = try await store.deliveries(of: hook.id, limit: 1, offset: 99)
      #expect(total == 100 && page.map(\.guid) == ["6"])
      try await store.removeHook(hook.id, of: repository.id)
      let late = DeliveryRecord(guid: "x", event: "ping", isRedelivery: false, payload: [])
      try await store.add(late, to: hook.id)
      #expect(try await store.deliveries(of: hook.id, limit: 1, offset: 0).total == 0)
    }
  }

  @Test("a receiver needs an http address, and an account a name and a token of its own")
  func configuration() async throws {
    try await withTemporaryFolder { folder in
      func forge(_ change: (inout EmbeddedForgeConfiguration) -> Void) throws {
        var configuration = EmbeddedForgeConfiguration(root: folder, token: "t")
        change(&configuration)
        _ = try EmbeddedForge(configuration: configuration, logger: Logger(label: "forge"))
      }
      for url in ["ftp://h/x", "/x", "http://"] {
        #expect(throws: EmbeddedForgeError.self) {
          try forge { $0.hooks = [ForgeHook(url: url, secret: "s")] }
        }
      }
      #expect(throws: EmbeddedForgeError.self) { try forge { $0.person = "AIPM" } }
      for (login, token) in [("aipm", "u"), ("a b", "u"), ("ann", "t"), ("ann", "")] {
        #expect(throws: EmbeddedForgeError.self) {
          try forge { $0.accounts = [ForgeAccount(login: login, token: token)] }
        }
      }
    }
  }
}
