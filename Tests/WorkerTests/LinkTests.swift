import Cryptography
import Glibc
import NetworkRules
import Processes
import Synchronization
import SystemCalls
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

/// What a worker believes, and what it grants.
@Suite("The worker's end of the link") struct LinkTests {
  @Test("a proof is good for the call that it was made for, and no other")
  func proofs() throws {
    let key = WorkerKey(token: "a token")
    func proof(_ body: String = "b", worker: String = "w", time: Int64 = 5) -> RequestProof {
      RequestProof(
        key, worker: worker, method: "POST", target: "/worker/v1/x?y=1",
        body: SHA256.hex(body.utf8), time: time, nonce: String(repeating: "a", count: 32))
    }
    let good = proof()
    let read = try #require(RequestProof(header: good.header))
    #expect(read == good)
    #expect(read.isValid(key, method: "POST", target: "/worker/v1/x?y=1"))
    #expect(!read.isValid(key, method: "PUT", target: "/worker/v1/x?y=1"))
    #expect(!read.isValid(key, method: "POST", target: "/worker/v1/x?y=2"))
    #expect(!read.isValid(WorkerKey(token: "other"), method: "POST", target: "/worker/v1/x?y=1"))
    // Each field that is proven.
    for (field, value) in [
      ("worker=w,", "worker=v,"), ("time=5,", "time=6,"), ("nonce=a", "nonce=b"),
      ("body=\(SHA256.hex("b".utf8))", "body=\(SHA256.hex("c".utf8))"),
    ] {
      let header = good.header.replacing(field, with: value)
      #expect(header != good.header)
      let altered = try #require(RequestProof(header: header))
      #expect(!altered.isValid(key, method: "POST", target: "/worker/v1/x?y=1"), "\(field)")
    }
    for header in ["", "Bearer x", RequestProof.scheme, good.header + "x"] {
      let read = RequestProof(header: header)
      #expect(read?.isValid(key, method: "POST", target: "/worker/v1/x?y=1") != true)
    }
    let answer = ResponseProof(key, nonce: "n", status: 200, body: "d", time: 7)
    #expect(answer.isValid(key, nonce: "n", status: 200))
    #expect(!answer.isValid(key, nonce: "m", status: 200))
    #expect(!answer.isValid(key, nonce: "n", status: 204))
    var altered = answer
    altered.body = "e"
    #expect(!altered.isValid(key, nonce: "n", status: 200))
    altered = answer
    altered.time = 8
    #expect(!altered.isValid(key, nonce: "n", status: 200))
  }

  @Test("a call can be abandoned as long as it is under way, however many came after it")
  func callsUnderWay() async throws {
    var calls = WorkerShell.CallsUnderWay()
    let poll = Task {
      let (stream, _) = AsyncStream.makeStream(of: Void.self)
      for await _ in stream {}
    }
    calls.begin(CallID(1), poll)
    for n in 2...200 {
      calls.begin(CallID(n), Task {})
      calls.ended(CallID(n))
    }
    #expect(calls.count == 1 && !poll.isCancelled)
    calls.abandon(CallID(1))
    #expect(calls.count == 0 && poll.isCancelled)
    await poll.value
  }

  @Test("a large pack has the time that a slow line takes for it")
  func slowLine() {
    // 64 MiB at 64 KiB/s.
    #expect(ServerLink.uploadTimeout(bytes: 64 << 20) > .seconds(1024))
    #expect(ServerLink.uploadTimeout(bytes: 0) >= .seconds(300))
  }

  @Test("the text of a token tells when it was cut or mistyped")
  func tokens() {
    let token = TokenText.fresh()
    #expect(!TokenText.isDamaged(token) && token != TokenText.fresh())
    #expect(TokenText.isDamaged(String(token.dropLast())))
    let digit = token.dropFirst(20).first == "7" ? "8" : "7"
    #expect(TokenText.isDamaged("\(token.prefix(20))\(digit)\(token.dropFirst(21))"))
    #expect(!TokenText.isDamaged("a token of the old kind"))
  }

  @Test(
    "orders that are not proven are not obeyed",
    arguments: ProtocolServer.Proving.allCases.filter { $0 != .right })
  func unproven(proving: ProtocolServer.Proving) async throws {
    let bench = try await WorkerTests.Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    let ran = "\(bench.folder.path)/ran"
    let assignment = Assignment.sample(head: head, script: "touch \(ran); echo 2 > a")
    try await bench.server.serve { url in
      _ = try await bench.withWorker(.url(url)) {
        // A poll comes after the proof of the registration's answer has been accepted.
        try await bench.sees { $0.polls > 0 }
        bench.server.want { state in
          state.proving = proving
          state.assignment = assignment
        }
        // It asks again and again, and hears the order each time.
        let polls = bench.server.state.withLock { $0.polls }
        try await bench.sees { $0.polls > polls + 3 }
        #expect(!DurableFile.exists(ran))
        #expect(bench.server.state.withLock { $0.fetches.isEmpty })
        bench.server.want { $0.proving = .right }
        #expect(try await bench.result().outcome == .committed)
      }
    }
  }

  @Test("a checkout is the commit that was ordered, whole, or nothing")
  func forgedPack() async throws {
    let bench = try await WorkspaceTests.Bench()
    _ = try await bench.repository.commit(["a": "0\n"])
    let head = try await bench.repository.commit(["a": "1\n"])
    let other = try await bench.repository.commit(["a": "2\n", "b": "3\n"], on: "other")
    func pack(_ objects: String) async throws -> [UInt8] {
      try await Git.run(
        ["pack-objects", "-q", "--stdout"], gitDirectory: bench.repository.path,
        input: .bytes(Array(objects.utf8))
      ).standardOutput
    }
    let blob = try await bench.repository.git(["rev-parse", "\(head):a"])
    let tree = try await bench.repository.git(["rev-parse", "\(head)^{tree}"])
    let otherTree = try await bench.repository.git(["rev-parse", "\(other)^{tree}"])
    let wrong = [
      // All but what came before; another commit; the commit without its tree; no pack; a pack
      // that ends early.
      try await pack("\(head)\n\(tree)\n\(blob)\n"),
      try await pack("\(other)\n\(otherTree)\n"), try await pack("\(head)\n\(blob)\n"),
      Array("PACK".utf8), Array(try await pack("\(head)\n\(blob)\n").dropLast(30)),
    ]
    for (number, bytes) in wrong.enumerated() {
      try await bench.with { workspace in
        bench.server.state.withLock { $0.packs["forged"] = bytes }
        let assignment = Assignment.sample(delegation: "d\(number)", head: head)
        await #expect(throws: CheckoutFault.self, "\(number)") {
          try await workspace.checkOut(assignment)
        }
        bench.server.state.withLock { $0.packs["forged"] = nil }
        do { try await workspace.checkOut(assignment) } catch {
          try await workspace.checkOut(assignment)
        }
        #expect(try text("\(bench.tree(workspace, assignment))/a") == "1\n")
        try await workspace.trash.take([workspace.files.repositories])
      }
    }
  }

  @Test("a later checkout brings what is new")
  func thin() async throws {
    let bench = try await WorkspaceTests.Bench()
    var files: [String: String] = [:]
    for number in 0..<300 { files["f\(number)"] = "content \(number)\n" }
    let first = try await bench.repository.commit(files)
    let second = try await bench.repository.commit(["f1": "changed\n"])
    try await bench.with { workspace in
      for (delegation, head) in [("d1", first), ("d2", second), ("d3", second), ("d4", first)] {
        let assignment = Assignment.sample(delegation: delegation, head: head)
        try await workspace.checkOut(assignment)
        let content = head == first ? "content 1\n" : "changed\n"
        #expect(try text("\(bench.tree(workspace, assignment))/f1") == content)
        await workspace.drop(AttemptKey(assignment.lease), repository: "o/r")
      }
    }
    let asked = bench.server.state.withLock { $0.fetches.map(\.have) }
    #expect(asked == [[], [first], [second, first]])
  }

  // MARK: Grants

  private static func order(_ rules: SandboxGrants, environment: [String]) -> CallAnswer {
    var assignment = Assignment.sample(head: "h")
    assignment.agent.environment = environment
    assignment.agent.sandbox = rules
    assignment.commands = CommandPlan(
      setup: [], verify: [], rounds: 0, environment: environment, repositoryMaySet: [], base: nil)
    return .desired(
      Desired(revision: 1, assignment: assignment, cancel: false, drain: false))
  }

  @Test("an order gets of the machine what the operator's flags name, and nothing else")
  func grants() throws {
    let folder = try TemporaryFolder()
    try DurableFile.makeFolder("\(folder.path)/mine/sub")
    try DurableFile.makeFolder("\(folder.path)/minefield")
    #expect(symlink("/etc", "\(folder.path)/mine/link") == 0)
    let mine = "\(folder.path)/mine"
    let rules = SandboxGrants(
      network: NetworkPolicy(.host),
      readable: [mine, "\(mine)/sub", "\(mine)/link", "\(folder.path)/minefield"],
      writable: ["\(mine)/sub/../..", "~/.ssh", "/", "\(mine)/new", "\(mine)/new/../../x"])
    let order = Self.order(rules, environment: ["A", "B"])
    func granted(_ grants: OperatorGrants) throws -> AgentCall {
      guard case .desired(let desired) = grants.granted(order) else { throw TestFault("no order") }
      let assignment = try #require(desired.assignment)
      #expect(assignment.commands?.environment == assignment.agent.environment)
      return assignment.agent
    }
    let none = try granted(OperatorGrants())
    #expect(none.environment.isEmpty)
    #expect(none.sandbox == SandboxGrants())
    let some = try granted(OperatorGrants(variables: ["B"], paths: [mine], network: .machine))
    #expect(some.environment == ["B"])
    #expect(
      some.sandbox
        == SandboxGrants(
          network: NetworkPolicy(.host), readable: [mine, "\(mine)/sub"],
          writable: ["\(mine)/new"]))
    // The hosts of a workflow are not the machine's own network, nor is that granted with them.
    let hosts = NetworkPolicy(.publicHosts())
    for (wanted, network, got) in [
      (hosts, .hosts, hosts), (hosts, .none, NetworkPolicy()),
      (NetworkPolicy(.host), .hosts, NetworkPolicy()),
    ] as [(NetworkPolicy, OperatorGrants.Network, NetworkPolicy)] {
      let order = Self.order(SandboxGrants(network: wanted), environment: [])
      guard case .desired(let desired) = OperatorGrants(network: network).granted(order) else {
        throw TestFault("no order")
      }
      #expect(desired.assignment?.agent.sandbox?.network == got, "\(wanted) \(network)")
    }
  }

  @Test("a program or a file that an order names is refused, with the flag that would allow it")
  func programs() throws {
    let folder = try TemporaryFolder()
    let (program, file) = ("\(folder.path)/agent", "\(folder.path)/key")
    for path in [program, file] { try DurableFile.replace(path, with: []) }
    func call(_ words: String...) -> AgentCall {
      AgentCall(
        name: "x", isDemo: false, arguments: words.map { .init(kind: .literal, text: $0) },
        promptOnStandardInput: true, environment: [])
    }
    let none = OperatorGrants()
    let refused = none.refusal(of: call(program), worker: "w1")
    #expect(refused?.contains("--allow-path \(program)") == true, "\(refused ?? "")")
    #expect(none.refusal(of: call("cat", file), worker: "w1")?.contains(file) == true)
    #expect(none.refusal(of: call("sh", "-c", file), worker: "w1") != nil)
    #expect(none.refusal(of: call("sh", "/usr/bin/env"), worker: "w1") == nil)
    #expect(none.refusal(of: call("/bin/sh", "-c", "true"), worker: "w1") == nil)
    let some = OperatorGrants(paths: [program])
    #expect(some.refusal(of: call(program), worker: "w1") == nil)
    #expect(some.refusal(of: call(program, file), worker: "w1") != nil)
    // The settings of a server's own workers follow from its own.
    let own = OperatorGrants(
      [], custom: .custom(command: [program, file], environment: ["KEY"]))
    #expect(own.refusal(of: call(program, file), worker: "w1") == nil)
    #expect(own.allows(variable: "KEY") && !own.allows(variable: "OTHER"))
  }
}
