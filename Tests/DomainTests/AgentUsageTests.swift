import Foundation
import Testing

@testable import Domain

@Suite struct AgentUsageTests {
  @Test func whatCannotBeRightIsIgnoredAndTheRestIsKept() throws {
    let text = """
      {"inputTokens": 12, "outputTokens": -1, "cachedTokens": 1.5, "costMicrodollars": 1e300,
       "millicredits": "7", "other": 3}
      """
    let usage = try JSONDecoder().decode(AgentUsage.self, from: Data(text.utf8))
    #expect(usage == AgentUsage([.inputTokens: 12]))
    let most = try JSONDecoder().decode(
      AgentUsage.self, from: Data(#"{"inputTokens": 1000000000001, "outputTokens": 0}"#.utf8))
    #expect(most[.inputTokens] == nil && most[.outputTokens] == 0)
    var total = AgentUsage()
    for value in [-5, Double.nan, .infinity, 1e300] { total.set(.cost, reported: value) }
    #expect(total.isEmpty)
    total.set(.cost, reported: 0.0125)
    total.add(.cost, reported: .infinity)
    #expect(total[.cost] == 12_500)
  }

  @Test func unknownIsAbsent() throws {
    let usage = AgentUsage([.outputTokens: 0, .credits: 250])
    let json = try JSONEncoder().encode(usage)
    let members = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Int])
    #expect(members == ["outputTokens": 0, "millicredits": 250])
    #expect(try JSONDecoder().decode(AgentUsage.self, from: json) == usage)
    var sum = usage
    sum.add(AgentUsage([.inputTokens: 5, .credits: 1]))
    #expect(sum == AgentUsage([.outputTokens: 0, .credits: 251, .inputTokens: 5]))
  }

  @Test(
    arguments: [
      (AgentUsage(), nil), (AgentUsage([.inputTokens: 0]), "0 tokens in"),
      (AgentUsage([.outputTokens: 1_234_567]), "1,234,567 tokens out"),
      (
        AgentUsage([.inputTokens: 12_345, .cachedTokens: 100, .outputTokens: 7, .cost: 12_349]),
        "12,345 tokens in (100 cached), 7 out, $0.0123"
      ),
      (AgentUsage([.credits: 1_255, .cost: 1_000_000]), "1.26 credits, $1.0000"),
    ] as [(AgentUsage, String?)])
  func forPeople(usage: AgentUsage, summary: String?) { #expect(usage.summary == summary) }
}
