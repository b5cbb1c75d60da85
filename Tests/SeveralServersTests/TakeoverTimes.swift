#if PostgreSQL

import Foundation
import Glibc
import TestKit
import Testing

extension SeveralServersTests {
  /// From the blow until the other server has accepted a submission. `AIPM_TAKEOVERS` is how often
  /// it is measured; the figures are printed. The limits here are those of a busy machine and a
  /// debug build.
  @Test("the time of a takeover", arguments: Blow.allCases)
  func times(blow: Blow) async throws {
    let wanted = ProcessInfo.processInfo.environment["AIPM_TAKEOVERS"].flatMap { Int($0) }
    try await World.with { world in
      var times: [Duration] = []
      for number in 0..<(wanted ?? 3) {
        let active = try #require(try world.active())
        let survivor = 1 - active
        // It has read all of the log, and waits for the lock.
        try await waitUntil("a follower") {
          try await world.members[survivor].server.get("/readyz").text.contains("following")
        }
        let process = world.members[active].server.processID ?? 0
        let began = ContinuousClock.now
        kill(process, blow == .killed ? SIGKILL : SIGSTOP)
        _ = try await world.submit(number, through: survivor)
        times.append(.now - began)
        await world.members[active].server.kill()
        try await world.members[active].server.start()
      }
      let sorted = times.map { $0 / .milliseconds(1) }.sorted()
      let (p50, p99) = (sorted[sorted.count / 2], sorted[(sorted.count * 99 - 1) / 100])
      print("takeover, \(blow): \(sorted.count) times, p50 \(Int(p50)) ms, p99 \(Int(p99)) ms")
      #expect(p99 < (blow == .killed ? 3000 : 7000))
    }
  }
}

#endif
