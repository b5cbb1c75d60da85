import Foundation
import Processes
import Randomness
import RawSockets
import TestKit
import WorkerProtocol

/// Changed requests to a real server.
struct ServerRun: Sendable {
  /// What was seen.
  struct Report: Sendable {
    var statuses: [Int: Int] = [:]
    var faults: [String] = []
    var slowest = Duration.zero
    /// The resident memory of the server, in MiB.
    var memoryBefore = 0
    var memoryAfter = 0
  }

  let seed: Int
  /// Requests that are sent before the first answer is read.
  private static let batch = 32
  /// The longest wait for the answers to a batch.
  private static let patience = Duration.seconds(5)
  /// What the server may hold more after the run than after its first part, in MiB.
  private static let growthMax = 64

  /// Milliseconds since 1970.
  static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

  func run(requests: Int, heads: Int) async throws -> Report {
    let rates = ["--request-rate", "1000000", "--submission-rate", "1000000"]
    var report = Report()
    try await Installation.with(
      arguments: ["--forge", "local", "--workers", "0", "--log-level", "error"] + rates,
      environment: ["AIPM_WEBHOOK_SECRET": Requests.webhookSecret]
    ) { server in
      let made = try await server.aipm([
        "token", "create", "fuzz-submitter", "--role", "submit", "--repo", "no/repository",
      ])
      let kind = Requests(
        token: made.outputText.filter { !$0.isNewline },
        key: WorkerKey(token: try await server.createToken(Requests.worker)))
      let port = Int(server.port) ?? 0
      let process = server.processID ?? 0
      // What is loaded once is no growth.
      let (warm, rest) = (requests / 10, requests - requests / 10)
      let halves = [warm, rest / 2, rest - rest / 2]
      report = try await part(kind, port, count: halves[0], seed: seed)
      report.memoryBefore = Self.memory(process)
      try await withThrowingTaskGroup(of: Report.self) { group in
        for (n, count) in halves.dropFirst().enumerated() {
          group.addTask { try await part(kind, port, count: count, seed: seed + n + 1) }
        }
        for try await part in group { report.add(part) }
      }
      report.add(try Self.heads(kind, port, count: heads, seed: seed))
      report.memoryAfter = Self.memory(process)
      if report.memoryAfter > report.memoryBefore + Self.growthMax {
        report.faults.append("the server's memory grew")
      }
      let ready = try await server.get("/readyz")
      if ready.status != 200 { report.faults.append("not ready afterwards: \(ready.text)") }
      if server.processID != process { report.faults.append("the server was started again") }
      let verified = try await server.aipm(["verify"])
      if !verified.succeeded { report.faults.append("verify: \(verified.errorText)") }
    }
    return report
  }

  /// Sends requests over kept connections.
  private func part(
    _ requests: Requests, _ port: Int, count: Int, seed: Int
  ) async throws -> Report {
    var (report, random) = (Report(), Seeded(seed))
    var connection = AnswerReader(try RawClient(port: port))
    var left = count
    while left > 0 {
      let batch = (0..<min(left, Self.batch)).map { _ in requests.next(&random) }
      left -= batch.count
      let began = ContinuousClock.now
      connection.client.send(bytes: Array(batch.joined()))
      for request in batch {
        guard let status = connection.nextStatus() else {
          report.faults.append("no answer to \(Self.shown(request)), or to one before it")
          connection = AnswerReader(try RawClient(port: port))
          break
        }
        report.statuses[status, default: 0] += 1
        if status >= 500 { report.faults.append("\(status) to \(Self.shown(request))") }
      }
      let span = ContinuousClock.now - began
      report.slowest = max(report.slowest, span)
      if span > Self.patience { report.faults.append("\(span) for \(Self.shown(batch[0])) …") }
    }
    return report
  }

  /// Sends one changed head for each connection. Nothing need come back.
  private static func heads(
    _ requests: Requests, _ port: Int, count: Int, seed: Int
  ) throws -> Report {
    var (report, random) = (Report(), Seeded(seed))
    for _ in 0..<count {
      let bytes = requests.nextHead(&random)
      var connection = AnswerReader(try RawClient(port: port))
      connection.client.send(bytes: bytes)
      connection.client.finishSending()
      while let status = connection.nextStatus() {
        report.statuses[status, default: 0] += 1
        if status >= 500 { report.faults.append("\(status) to \(shown(bytes))") }
      }
    }
    return report
  }

  private static func shown(_ request: [UInt8]) -> String {
    String(decoding: request.prefix(600), as: UTF8.self).debugDescription
  }

  /// See proc(5).
  private static func memory(_ process: Int32) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1024
  }
}

extension ServerRun.Report {
  mutating func add(_ other: Self) {
    statuses.merge(other.statuses) { $0 + $1 }
    faults += other.faults
    slowest = max(slowest, other.slowest)
  }
}
