import Glibc
import SystemCalls
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

@Suite("Looking for agents") struct AgentSearchTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func script(_ name: String, _ text: String) throws -> String {
    let path = "\(folder.path)/\(name)"
    try DurableFile.replace(path, with: Array("#!/bin/sh\n\(text)\n".utf8))
    chmod(path, 0o755)
    return path
  }

  private func look(
    _ program: String?, _ preflight: AgentPreflight?, environment: [String] = [],
    readable: [String] = []
  ) async -> AgentFinding {
    await AgentSearch(home: folder.path, machineHome: folder.path, sandbox: nil).look(
      for: AgentInquiry(
        name: "a", program: program, preflight: preflight, environment: environment,
        sandbox: SandboxGrants(readable: readable)))
  }

  @Test("installed, not installed, broken, signed in and not, each is reported")
  func states() async throws {
    let good = try script("good", "exit 0")
    let bad = try script("bad", "echo no way >&2; exit 1")
    let signIn = AgentPreflight.SignIn(files: [".auth"], command: [bad], hint: "do sign in")
    #expect(await look(nil, nil).state == .ready)
    #expect(await look(good, nil).state == .ready)
    #expect(await look("no-such-program", nil).state == .notInstalled)
    let broken = await look(good, AgentPreflight(command: [bad]))
    #expect(broken.state == .failing && broken.detail.contains("no way"))
    let out = await look(good, AgentPreflight(signIn: signIn))
    #expect(out.state == .notSignedIn && out.detail.contains("do sign in"))
    try DurableFile.replace("\(folder.path)/.auth", with: [])
    // A file that the agent does not see is no sign-in of it.
    #expect(await look(good, AgentPreflight(signIn: signIn)).state == .notSignedIn)
    let seen = await look(good, AgentPreflight(signIn: signIn), readable: ["~/.auth"])
    #expect(seen.state == .ready)
    let byCommand = AgentPreflight(signIn: .init(command: [good]))
    #expect(await look(good, byCommand).state == .ready)
  }

  @Test("a variable is a sign-in; a check sees what the agent would see, and no token")
  func environment() async throws {
    setenv("SEARCH_TEST_KEY", "k", 1)
    setenv("AIPM_TOKEN", "token-0123456789", 1)
    let home = folder.path
    let check = try script(
      "check", "test \"$HOME\" = \(home) && test -n \"$SEARCH_TEST_KEY\" && test -z \"$AIPM_TOKEN\""
    )
    let names = ["SEARCH_TEST_KEY", "AIPM_TOKEN"]
    #expect(await look(check, AgentPreflight(command: [check]), environment: names).state == .ready)
    let signIn = AgentPreflight(signIn: .init(variables: ["SEARCH_TEST_KEY"]))
    #expect(await look(check, signIn, environment: names).state == .ready)
    let other = AgentPreflight(signIn: .init(variables: ["SEARCH_TEST_OTHER"]))
    #expect(await look(check, other, environment: names).state == .notSignedIn)
  }

  @Test("what takes long is reported as unknown first, and holds nothing else up")
  func slow() async throws {
    let gate = "\(folder.path)/gate"
    let slow = try script("slow", "while ! test -e \(gate); do sleep 0.05; done")
    let (reports, reporting) = AsyncStream.makeStream(of: [AgentFinding].self)
    let agents = [
      AgentInquiry(
        name: "slow", program: slow, preflight: AgentPreflight(command: [slow]), environment: []),
      AgentInquiry(name: "none", program: "no-such-program", preflight: nil, environment: []),
    ]
    let looking = Task {
      await AgentSearch(home: "/nowhere", sandbox: nil).look(
        for: agents, earlyAfter: .milliseconds(200)
      ) {
        reporting.yield($0)
      }
    }
    for await early in reports {
      #expect(early.map(\.state) == [.unknown, .notInstalled])
      break
    }
    try DurableFile.replace(gate, with: [])
    #expect(await looking.value.map(\.state) == [.ready, .notInstalled])
  }

  @Test("a worker looks before it registers, and again; a change is registered again")
  func core() {
    var settings = WorkerCore.Settings(
      worker: "w", host: "h", version: "1", agents: nil, local: false)
    settings.searchInterval = .seconds(30)
    var core = WorkerCore(settings: settings)
    var now = Duration.zero
    func call(_ actions: [Action], _ slot: CallSlot) -> (id: CallID, request: Request)? {
      for case .send(let id, let request) in actions where request.slot == slot {
        return (id, request)
      }
      return nil
    }
    func finding(_ name: String, _ state: AgentFinding.State) -> AgentFinding {
      AgentFinding(name: name, state: state, detail: "")
    }
    let known = ["a", "b"].map {
      AgentInquiry(name: $0, program: nil, preflight: nil, environment: [])
    }
    let began = core.step(.began(recovered: nil), now: now)
    #expect(call(began, .session) == nil)
    guard let asked = call(began, .agents) else { return #expect(Bool(false), "asks nothing") }
    let looks = core.step(.answered(asked.id, .agents(known)), now: now)
    #expect(looks.contains(.lookForAgents(known)))
    let found = core.step(
      .lookedForAgents([finding("a", .ready), finding("b", .notSignedIn)]), now: now)
    guard let register = call(found, .session), case .register(let first) = register.request else {
      return #expect(Bool(false), "does not register")
    }
    #expect(first.agents == ["a"] && first.findings?.count == 2)
    let registered = Registered(incarnation: 1, heartbeatMs: 2000, discard: [])
    _ = core.step(.answered(register.id, .registered(registered)), now: now)
    // Those that could not work are looked for again, and no other.
    now = .seconds(31)
    let later = core.step(.tick, now: now)
    guard let again = call(later, .agents) else { return #expect(Bool(false), "does not look") }
    let second = core.step(.answered(again.id, .agents(known)), now: now)
    #expect(second.contains(.lookForAgents([known[1]])))
    let changed = core.step(.lookedForAgents([finding("b", .ready)]), now: now)
    guard case .register(let update)? = call(changed, .session)?.request else {
      return #expect(Bool(false), "does not report the change")
    }
    #expect(update.agents == ["a", "b"])
  }

  @Test("an assignment for an agent that is not there is given back at once")
  func missing() {
    var core = WorkerCore(
      settings: .init(
        worker: "w", host: "h", version: "1", agents: nil, local: false))
    core.search.take([
      AgentFinding(name: "script", state: .notSignedIn, detail: "sign in with script login")
    ])
    #expect(core.missingAgent("script") == "script: sign in with script login")
    #expect(core.missingAgent("other") == nil)
    core.membership = .registered(incarnation: 1)
    core.hasBegun = true
    core.desired = Desired(
      revision: 1, assignment: CoreLife.assignment, cancel: false, drain: false)
    core.beginAssigned()
    guard case .handingIn(let handIn)? = core.attempt?.stage else {
      return #expect(Bool(false), "begins all the same")
    }
    #expect(handIn.outcome == .agentNotFound && core.actions.isEmpty)
  }
}
