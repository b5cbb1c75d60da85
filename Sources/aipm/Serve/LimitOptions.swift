import ArgumentParser
import Domain
import HTTPServing

/// Limits for clients of the server.
struct LimitOptions: ParsableArguments {
  @Option(help: "How many connections may be open at once (384).")
  var connections: Int?
  @Option(help: "How many event streams may be open at once (128).")
  var streams: Int?
  @Option(help: "How many requests a second an address may send, on average over ten (2000).")
  var requestRate: Int?
  @Option(help: "How many submissions a second, likewise (100).")
  var submissionRate: Int?
  @Option(help: "How many submissions may wait for their pull request at once (320).")
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
