import Domain
import Foundation
import Testing

@testable import ForgeGitHub

/// The guide's page about GitHub says how fast calls go out.
struct GuideTests {
  @Test func thePaceIsSaid() throws {
    let root = String(#filePath.dropLast("Tests/ForgeTests/GuideTests.swift".count))
    let page = try String(contentsOfFile: root + "Sources/AIPM.docc/GitHub.md", encoding: .utf8)
    let text = page.split { $0.isWhitespace }.joined(separator: " ")
    let pace = ForgePace.github
    try #require(pace.creations.map(\.span) == [.seconds(60), .seconds(3600)])
    try #require(pace.points.map(\.span) == [.seconds(60)])
    for sentence in [
      "at most \(pace.callsAtOnce) calls at the same time, \(pace.creations[0].amount) creations "
        + "a minute and \(pace.creations[1].amount) an hour, and \(pace.points[0].amount) points "
        + "a minute",
      "A read is one point, a write is five",
    ] { #expect(text.contains(sentence), "\(sentence)") }
    #expect(CallCost.read.points == 1 && CallCost.write.points == 5)
  }
}
