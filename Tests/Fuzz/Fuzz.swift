// Sends changed inputs to everything that reads bytes of others, and looks for a crash, an answer
// of status 500, a connection that ends without an answer, and an answer that takes long.
//
//   tools/fuzz                      a million inputs
//   tools/fuzz --count 20000        fewer
//   tools/fuzz --seed 7             others
//
// Most inputs go to a real server, on connections that are kept: requests for every route that
// takes a body, queries, cookies, and the worker protocol with valid proofs. Those whose form the
// connection depends on, such as heads, are sent one to a connection. Readers of files and of other
// servers' answers are called directly.

import ArgumentParser
import Randomness
import TestKit

@main
struct Fuzz: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Sends changed inputs to everything that reads bytes of others.")

  @Option(help: "How many inputs.")
  var count = 1_000_000
  @Option(help: "Which ones: the same for the same number.")
  var seed = 1

  func validate() throws {
    guard count >= 1000 else { throw ValidationError("--count must be at least 1000") }
  }

  func run() async throws {
    let began = ContinuousClock.now
    var inputs = 0
    // A small part for the readers, a hundredth for whole connections, and the rest for requests.
    for reader in Reader.all {
      let own = count / reader.share
      var random = Seeded(seed)
      for _ in 0..<own { reader.read(Mutation.mutate(random.one(of: reader.inputs), &random)) }
      inputs += own
      print("\(reader.name): \(own) inputs read")
    }
    let (heads, requests) = (count / 100, count - count / 100 - inputs)
    let report = try await ServerRun(seed: seed).run(requests: requests, heads: heads)
    inputs += requests + heads
    for (status, number) in report.statuses.sorted(by: { $0.key < $1.key }) {
      print("status \(status): \(number)")
    }
    print("slowest answer: \(report.slowest)")
    print("memory: \(report.memoryBefore) MiB before, \(report.memoryAfter) MiB after")
    print("\(inputs) inputs in \(ContinuousClock.now - began), \(report.faults.count) faults")
    for fault in report.faults.prefix(10) { print("fault: \(fault)") }
    if !report.faults.isEmpty { throw ExitCode.failure }
  }
}
