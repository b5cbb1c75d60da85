import ArgumentParser
import Domain
import HTTPServing
import Workflows

/// Limits for clients of the server.
struct LimitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("How many connections may be open at once (384).", valueName: "number"))
  var connections: Int?
  @Option(
    help: ArgumentHelp("How many event streams may be open at once (128).", valueName: "number"))
  var streams: Int?
  @Option(
    help: ArgumentHelp(
      "How many requests a second an address may send, on average over ten (2000).",
      valueName: "number"))
  var requestRate: Int?
  @Option(help: ArgumentHelp("How many submissions a second, likewise (100).", valueName: "number"))
  var submissionRate: Int?
  @Option(
    help: ArgumentHelp(
      "How many submissions may wait for their pull request at once (320).", valueName: "number"))
  var waitingSubmissions: Int?

  func put(into flags: inout GivenFlags) {
    flags.put(.connections, connections)
    flags.put(.streams, streams)
    flags.put(.requestRate, requestRate)
    flags.put(.submissionRate, submissionRate)
    flags.put(.waitingSubmissions, waitingSubmissions)
  }

  func read(_ settings: Settings) throws -> ServingLimits {
    var limits = ServingLimits()
    func read(_ setting: Setting, from least: Int, into limit: inout Int) throws {
      if let value = try settings.integer(setting, in: least...1_000_000) { limit = value }
    }
    try read(.connections, from: 16, into: &limits.connectionsMax)
    try read(.streams, from: 1, into: &limits.streamsMax)
    try read(.requestRate, from: 1, into: &limits.requestsPerSecondMax)
    try read(.submissionRate, from: 1, into: &limits.submissionsPerSecondMax)
    try read(.waitingSubmissions, from: 1, into: &limits.submissionsWaitingMax)
    return limits
  }
}

/// What the agents of delegations may cost, besides the budgets of workflows.
struct BudgetOptions: ParsableArguments {
  @Option(help: ArgumentHelp("What one delegation may cost, in US dollars.", valueName: "dollars"))
  var budgetDelegation: String?
  @Option(
    help: ArgumentHelp(
      "What the delegations of one requester may cost in a month.", valueName: "dollars"))
  var budgetRequester: String?
  @Option(
    help: ArgumentHelp(
      "What the delegations of one repository may cost in a month.", valueName: "dollars"))
  var budgetRepository: String?

  func put(into flags: inout GivenFlags) {
    flags.put(.budgetDelegation, budgetDelegation)
    flags.put(.budgetRequester, budgetRequester)
    flags.put(.budgetRepository, budgetRepository)
  }

  func read(_ settings: Settings) throws -> Budget {
    func amount(_ setting: Setting) throws -> Int64? {
      guard let found = settings.find(setting) else { return nil }
      guard let amount = Budget.microdollars(found.value), amount > 0 else {
        throw Settings.Fault(
          description: "\(found.name) is \(found.value): \(Budget.form)")
      }
      return amount
    }
    return Budget(
      delegation: try amount(.budgetDelegation), requesterPerMonth: try amount(.budgetRequester),
      repositoryPerMonth: try amount(.budgetRepository))
  }
}
