// Finds the agents that could work on this machine: by their programs and by the checks of their
// profiles. A check has the same environment as the agent: the same HOME and variables.

import Egress
import FoundationEssentials
import Glibc
import Logging
import NetworkRules
import Processes
import SystemCalls
import WorkerProtocol
import Workflows

/// Searches for agents.
package struct AgentSearch: Sendable {
  /// The time limit of a check. An agent that asks for a sign-in would wait forever.
  package static let checkTimeout = Duration.seconds(15)

  /// The HOME of an agent without access to this machine's; it may be absent.
  package let home: String
  /// This machine's.
  let machineHome: String
  /// The sandbox of the checks, as of the agents; nil for none.
  let sandbox: Sandbox?
  let egress: EgressOptions
  let logger: Logger

  /// - Parameter sandbox: nil if agents run without one.
  package init(
    home: String, machineHome: String = UnprivilegedUser.startersHome,
    sandbox: Sandbox?, egress: EgressOptions = EgressOptions(),
    logger: Logger = Logger(label: "aipm.agents")
  ) {
    self.home = home
    self.machineHome = machineHome
    self.sandbox = sandbox
    self.egress = egress
    self.logger = logger
  }

  /// Searches for all of them concurrently.
  /// - Parameter early: called after `wait` with the findings so far, if some are missing.
  /// - Returns: a finding for each, in the same order.
  package func look(
    for agents: [AgentInquiry], earlyAfter wait: Duration = .seconds(2),
    early: @escaping @Sendable ([AgentFinding]) -> Void = { _ in }
  ) async -> [AgentFinding] {
    await withTaskGroup(of: (Int, AgentFinding)?.self) { group in
      var findings = agents.map {
        AgentFinding(name: $0.name, state: .unknown, detail: "it is being checked")
      }
      for (index, agent) in agents.enumerated() {
        group.addTask { (index, await look(for: agent)) }
      }
      group.addTask {
        try? await Task.sleep(for: wait)
        return nil
      }
      var missing = agents.count
      while missing > 0, let next = await group.next() {
        guard let (index, finding) = next else {
          early(findings)
          continue
        }
        findings[index] = finding
        missing -= 1
      }
      group.cancelAll()
      return findings
    }
  }

  /// Searches for one.
  package func look(for agent: AgentInquiry) async -> AgentFinding {
    let keys = sandbox.map { _ in network(of: agent).keys }
    func found(_ state: AgentFinding.State, _ detail: String) -> AgentFinding {
      AgentFinding(name: agent.name, state: state, detail: detail, keys: keys)
    }
    guard let program = agent.program else { return found(.ready, "it needs no program") }
    guard Self.isInstalled(program) else {
      return found(.notInstalled, "\(program) is not installed, or not on the PATH")
    }
    if let check = agent.preflight?.command, !check.isEmpty,
      let fault = await fault(of: check, agent)
    {
      return found(.failing, fault)
    }
    guard let signIn = agent.preflight?.signIn, await !isSignedIn(signIn, agent) else {
      return found(.ready, "\(program) is installed and ready")
    }
    let hint = signIn.hint.isEmpty ? "sign in" : signIn.hint
    let isBare = agent.homePaths.isEmpty && !signIn.files.isEmpty
    let more = isBare ? "; or lend it the sign-in of this machine, with its sandbox's writable" : ""
    return found(.notSignedIn, "\(program) is not signed in: \(hint)\(more)\(Self.asWhom)")
  }

  /// Names the user whose sign-in counts, if AIPM was started by another user.
  private static var asWhom: String {
    guard let user = getenv(UnprivilegedUser.mark).map({ String(cString: $0) }) else { return "" }
    return "; AIPM was started as root, so agents run as the user \(user), who must be able to "
      + "read what it is signed in with: let that user read it, or name another with --worker-user"
  }

  private func isSignedIn(
    _ signIn: AgentPreflight.SignIn, _ agent: AgentInquiry
  ) async -> Bool {
    let environment = AgentEnvironment.allowed(signIn.variables)
    if environment.contains(where: { !$0.value.isEmpty }) { return true }
    let shown = signIn.files.filter { file in
      agent.homePaths.contains { "~/\(file)" == $0 || "~/\(file)".hasPrefix("\($0)/") }
    }
    if shown.contains(where: { access("\(machineHome)/\($0)", R_OK) == 0 }) { return true }
    guard !signIn.command.isEmpty else { return false }
    return await fault(of: signIn.command, agent) == nil
  }

  /// Runs a check.
  /// - Returns: nil if it exits with 0.
  private func fault(of check: [String], _ agent: AgentInquiry) async -> String? {
    let words = check.joined(separator: " ")
    do {
      let (result, start) = try await run(check, agent)
      if start == .started, result.succeeded { return nil }
      let secrets = AgentEnvironment.secrets(agent.environment)
      let output = OutputMask.masked(result.errorText + result.outputText, secrets: secrets)
      let line = output.split(whereSeparator: \.isNewline).first.map { ": \($0.prefix(200))" }
      let here = start == .started ? "fails" : "cannot be run in the sandbox"
      return "\(words) \(here)\(line ?? "")"
    } catch {
      return "\(words): \(error)"
    }
  }

  private func run(
    _ check: [String], _ agent: AgentInquiry
  ) async throws -> (value: ProcessResult, start: LaunchSocket.Start) {
    let call = AgentCall(agent)
    let network = network(of: agent)
    guard let sandbox else {
      let command = command(
        check, call, home: agent.homePaths.isEmpty ? home : machineHome, directory: "/", nil)
      return (try await command.run(), .started)
    }
    network.begin(call.sandbox?.network ?? NetworkPolicy(), EgressLedger())
    let folder = try CheckFolder(in: home)
    for path in [folder.home, folder.temporary] { try DurableFile.makeFolder(path) }
    let command = command(check, call, home: folder.home, directory: folder.home, network)
    var grants = Sandbox.Grants(
      writable: [folder.home, folder.temporary], temporary: folder.temporary)
    let allowed = sandbox.operatorGrants.allows(file:)
    grants.programs = [try command.resolved()].filter(allowed)
    grants.readable = AgentCall.namedFiles(check).filter(allowed)
    grants.add(call.sandbox, home: folder.home)
    let launch = try Launch(
      command, in: folder.path, sandbox: sandbox, network: network, grants: grants)
    let result: (ProcessResult, LaunchSocket.Start)
    do {
      result = try await launch.attended { () async throws(ProcessFault) in
        try await launch.command.run()
      }
    } catch {
      await network.close()
      throw error
    }
    await network.close()
    return result
  }

  private func command(
    _ check: [String], _ call: AgentCall, home: String, directory: String,
    _ network: SandboxNetwork?
  ) -> Command {
    var environment = AgentEnvironment.base(home: home)
    environment.merge(AgentEnvironment.of(call, network: network)) { $1 }
    var command = Command(
      AgentProcess.absolute(check[0]), Array(check.dropFirst()), environment: environment,
      workingDirectory: directory, timeout: Self.checkTimeout, outputLimit: 4096)
    command.diesWithParent = AgentProcess.canDieWithParent
    command.grace = .seconds(1)
    return command
  }

  private func network(of agent: AgentInquiry) -> SandboxNetwork {
    SandboxNetwork(AgentCall(agent), egress, logger: logger) {
      AgentEnvironment.value(of: $0, among: agent.environment)
    }
  }

  private static func isInstalled(_ program: String) -> Bool {
    if program.contains("/") { return access(program, X_OK) == 0 }
    let path = Command.baseEnvironment["PATH"] ?? ""
    return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
  }
}

/// A temporary folder for one check.
private final class CheckFolder: Sendable {
  let path: String
  var home: String { "\(path)/home" }
  var temporary: String { "\(path)/tmp" }

  /// - Throws: `FileFault`.
  init(in home: String) throws {
    try DurableFile.makeFolder(home)
    path = "\(home)/check-\(UInt64.random(in: 0...UInt64.max))"
    try DurableFile.makeFolder(path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension AgentCall {
  /// The call of a check, with the same permissions as the agent itself.
  init(_ agent: AgentInquiry) {
    self.init(
      name: agent.name, isDemo: false, arguments: [], promptOnStandardInput: false,
      environment: agent.environment, sandbox: agent.sandbox)
    endpoints = agent.endpoints
  }
}
