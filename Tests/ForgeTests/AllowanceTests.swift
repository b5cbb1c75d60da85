import Domain
import Engine
import ForgeGitHub
import ForgePort
import Mirrors
import Testing

/// What the forge still allows, as its answers tell it.
struct AllowanceTests {
  @Test func whatIsLeftOfTheLimitIsWhatTheLastAnswerTold() async throws {
    let told = ["X-RateLimit-Limit: 5000", "X-RateLimit-Remaining: 4321"]
    let forge = try OneAnswer(
      "404 Not Found", #"{"message":"Not Found"}"#,
      headers: told + ["X-RateLimit-Reset: 1733356800"])
    #expect(forge.client.condition.allowance == nil)
    _ = await forge.client.perform(.repository(repository))
    #expect(
      forge.client.condition.allowance
        == ForgeAllowance(
          limit: 5000, remaining: 4321, resetAt: Timestamp(milliseconds: 1_733_356_800_000)))
    let silent = try OneAnswer("404 Not Found", #"{"message":"Not Found"}"#, headers: told)
    _ = await silent.client.perform(.repository(repository))
    #expect(silent.client.condition.allowance == nil)
  }
}
