import ArgumentParser
import CStoreReference
import Domain
import EventLog
import SQLiteEventStore

/// Appends alone, with everything that an append does: hashes, views, idempotency keys.
struct StoreCosts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store",
    abstract: "Appends a second, beside the same statements and hashes in C.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false

  /// The figures stand beside each other for so many writers, of whom each has one append under
  /// way.
  private static let cases = [(writers: 1, least: 0.8), (64, 0.6), (256, 0.6)]
  private static let waitMaxMs = 10.0
  /// The processor time of an append may be so many times that of C, which encodes no events and
  /// answers nobody.
  private static let cpuMost = 2.5

  func run() async throws {
    for (writers, least) in Self.cases {
      let (appends, limit) = try await withFolder { folder in
        let appends = try await measure(writers, in: folder + "/log")
        return (appends, try await reference(batch: writers, source: folder + "/log", in: folder))
      }
      Figure(
        name: "store-\(writers)", value: appends.rate, unit: "/s", limit: limit.rate,
        target: ">= \(least) of the same in C", met: appends.rate >= limit.rate * least
      ).tell()
      Figure(
        name: "store-\(writers)-cpu", value: appends.cpuUs, unit: "us", limit: limit.cpuUs,
        target: "<= \(Self.cpuMost) of the same in C",
        met: appends.cpuUs <= limit.cpuUs * Self.cpuMost
      ).tell()
      guard writers > 1 else { continue }
      Figure(
        name: "store-\(writers)-p99", value: appends.p99Ms, unit: "ms", limit: nil,
        target: "<= 10 ms", met: appends.p99Ms <= Self.waitMaxMs
      ).tell()
    }
  }

  private func measure(_ writers: Int, in folder: String) async throws -> StoreLoad.Outcome {
    let clock = TaleClock()
    let store = try SQLiteEventStore.open(
      directory: folder, clock: { clock.now() }, onCommit: { _ in })
    return try await StoreLoad(writers: writers, quick: quick).run(on: store)
  }

  /// Writes the events of a log again.
  /// - Parameter source: the log's folder.
  private func reference(
    batch: Int, source: String, in folder: String
  ) async throws -> (rate: Double, cpuUs: Double) {
    let target = folder + "/reference"
    let empty = try SQLiteEventStore.open(
      directory: target, clock: { Timestamp(milliseconds: 0) }, onCommit: { _ in })
    await empty.close()
    var result = store_reference_result()
    let code = store_reference_run(
      source + "/aipm.db", target + "/aipm.db", Int32(batch), 3, &result)
    guard code == 0, result.seconds > 0 else {
      throw BenchFault(description: "the reference in C failed: \(result.reason)")
    }
    let appends = Double(result.appends)
    return (appends / result.seconds, result.cpu_seconds * 1e6 / appends)
  }
}

extension store_reference_result {
  /// Why it failed.
  var reason: String {
    withUnsafeBytes(of: error) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
