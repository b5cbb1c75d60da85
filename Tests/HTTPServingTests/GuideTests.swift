import Foundation
import Testing

@testable import HTTPServing

/// The guide's table of limits for clients has the server's limits.
struct GuideTests {
  @Test func theLimitsForClientsAreDocumented() throws {
    let file = "Tests/HTTPServingTests/GuideTests.swift"
    let root = String(#filePath.dropLast(file.count))
    let page = try String(contentsOfFile: root + "Sources/AIPM.docc/API.md", encoding: .utf8)
    let limits = ServingLimits()
    func seconds(_ span: Duration) -> Int64 { span.components.seconds }
    for text in [
      "| \(seconds(limits.headTimeout)) s, \(limits.headBytesMax >> 10) KiB; an idle connection "
        + "may stay open for \(seconds(limits.idleTimeout)) s |",
      "| \(seconds(limits.bodyStallTimeout)) s without a byte, then "
        + "\(limits.bodyBytesPerSecondMin >> 10) KiB/s on average, else 408 |",
      "| \(seconds(limits.writeStallTimeout)) s; an event stream resumes with",
      "| \(limits.streamsMax), and \(limits.streamsPerClientMax) of one remote address; ",
      "| `--connections`, and \(limits.connectionsPerClientMax) of one remote address |",
    ] { #expect(page.contains(text), "\(text)") }
  }
}
