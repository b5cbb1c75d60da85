// Finds the agents that could work on this machine: by their programs and by the checks of their
// profiles. A check has the same environment as the agent: the same HOME and variables.

import Egress
import FoundationEssentials
import Glibc
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

  /// - Parameter sandbox: nil if agents run without one.
  package init(
    home: String, machineHome: String = UnprivilegedUser.startersHome,
    sandbox: Sandbox?, egress: EgressOptions = EgressOptions()
  ) {
    self.home = home
    self.machineHome = machineHome
    self.sandbox = sandbox
    self.egress = egress
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
    let keys = sandbox.map { _ in SandboxNetwork(AgentCall(agent), egress).keys }
    func found(_ state: AgentFinding.State, _ detail: String) -> AgentFinding {
      AgentFinding(name: agent.name, state: state, detail: detail, keys: keys)
    }
    guard let program = agent.program else { return found(.ready, "it needs no program") }
    guard (try? Command(program, timeout: .zero).resolved()) != nil else {
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
    let network = SandboxNetwork(call, egress)
    network.begin(call.sandbox?.network ?? NetworkPolicy(), EgressLedger())
    let folder = "\(home)/check-\(UInt64.random(in: 0...UInt64.max))"
    let (own, temporary) = ("\(folder)/home", "\(folder)/tmp")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    if sandbox != nil { for path in [own, temporary] { try DurableFile.makeFolder(path) } }
    let outside = agent.homePaths.isEmpty ? home : machineHome
    let launch = try AgentProgram(
      call: call, words: check, namedFiles: AgentCall.namedFiles(check), folder: folder,
      home: sandbox == nil ? outside : own, temporary: sandbox == nil ? nil : temporary,
      directory: sandbox == nil ? "/" : own, timeout: Self.checkTimeout, sandbox: sandbox,
      network: network
    ).launch()
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
