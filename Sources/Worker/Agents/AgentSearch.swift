// Looks which agents could work on this machine: by their programs, and by what their profiles say
// that a check is. A check sees what the agent would see: the same HOME, the same variables.

import FoundationEssentials
import Glibc
import Processes
import WorkerProtocol
import Workflows

/// Looks for agents.
package struct AgentSearch: Sendable {
  /// How long one check may take. An agent that asks for a sign-in would wait for ever.
  package static let checkTimeout = Duration.seconds(15)

  /// The HOME of an agent that is lent nothing of this machine's; it need not be there.
  let home: String
  /// This machine's.
  let machineHome: String

  package init(
    home: String, machineHome: String = getenv("HOME").map { String(cString: $0) } ?? "/root"
  ) {
    self.home = home
    self.machineHome = machineHome
  }

  /// Looks for all of them, side by side.
  /// - Parameter early: told after `patience` what is known by then, where that is not all.
  /// - Returns: a finding for each, in the same order.
  package func look(
    for agents: [AgentInquiry], patience: Duration = .seconds(2),
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
        try? await Task.sleep(for: patience)
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

  /// Looks for one.
  package func look(for agent: AgentInquiry) async -> AgentFinding {
    func found(_ state: AgentFinding.State, _ detail: String) -> AgentFinding {
      AgentFinding(name: agent.name, state: state, detail: detail)
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
    let isBare = agent.lent.isEmpty && !signIn.files.isEmpty
    let more = isBare ? "; or lend it the sign-in of this machine, with its sandbox's writable" : ""
    return found(.notSignedIn, "\(program) is not signed in: \(hint)\(more)")
  }

  private func isSignedIn(
    _ signIn: AgentPreflight.SignIn, _ agent: AgentInquiry
  ) async -> Bool {
    let environment = AgentEnvironment.allowed(signIn.variables)
    if environment.contains(where: { !$0.value.isEmpty }) { return true }
    let shown = signIn.files.filter { file in
      agent.lent.contains { "~/\(file)" == $0 || "~/\(file)".hasPrefix("\($0)/") }
    }
    if shown.contains(where: { access("\(machineHome)/\($0)", F_OK) == 0 }) { return true }
    guard !signIn.command.isEmpty else { return false }
    return await fault(of: signIn.command, agent) == nil
  }

  /// Runs a check.
  /// - Returns: nil where it ended with 0.
  private func fault(of check: [String], _ agent: AgentInquiry) async -> String? {
    var environment = AgentEnvironment.base(home: agent.lent.isEmpty ? home : machineHome)
    for (name, value) in AgentEnvironment.allowed(agent.environment) { environment[name] = value }
    var command = Command(
      check[0], Array(check.dropFirst()), environment: environment, workingDirectory: "/",
      timeout: Self.checkTimeout, outputLimit: 4096)
    command.grace = .seconds(1)
    let words = check.joined(separator: " ")
    do {
      let result = try await command.run()
      if result.succeeded { return nil }
      let secrets = AgentEnvironment.secrets(agent.environment)
      let said = StreamMask.masked(result.errorText + result.outputText, secrets: secrets)
      let line = said.split(whereSeparator: \.isNewline).first.map { ": \($0.prefix(200))" }
      return "\(words) fails\(line ?? "")"
    } catch {
      return "\(words): \(error)"
    }
  }

  private static func isInstalled(_ program: String) -> Bool {
    if program.contains("/") { return access(program, X_OK) == 0 }
    let path = Command.baseEnvironment["PATH"] ?? ""
    return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
  }
}
