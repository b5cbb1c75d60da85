import Processes
import Testing
import Workflows

@testable import Worker

@Suite("Signs in an agent's output") struct SignWatchTests {
  private static let profiles = (try? WorkflowCatalog()["personal-delegate"]?.agents) ?? [:]

  private func watch(
    _ agent: String, _ said: [(OutputChannel, String)], _ exit: Int32 = 0
  ) throws -> (end: AgentEnd, usage: String?) {
    let watch = SignWatch(try #require(Self.profiles[agent]).reading)
    for (channel, text) in said { watch.take(channel, Array(text.utf8)) }
    return (watch.end(.exited(exit)), watch.used.words)
  }

  private func failure(_ end: AgentEnd) -> String {
    if case .failed(let text) = end { text } else { "not failed: \(end)" }
  }

  @Test("an exit code of 0 is no success where the agent tells one and did not")
  func kiro() throws {
    let good = try watch(
      "kiro",
      [(.output, "done\n"), (.error, "\u{1b}[38;5;8m ▸ Cre"), (.error, "dits: 0.35 • Time: 9s\n")])
    #expect(good.end == .finished && good.usage == "0.35 credits")
    let silent = try watch("kiro", [(.output, "")])
    #expect(failure(silent.end).contains("did not say “▸ Credits: ”"))
    // The other stream does not count.
    let other = try watch("kiro", [(.output, "▸ Credits: 1 • Time: 1s\n")])
    #expect(failure(other.end).contains("did not say"))
    let broken = try watch("kiro", [], 3)
    #expect(failure(broken.end).contains("exit code 3: an MCP server"))
    #expect(try watch("kiro", [], 9).end == .exited(9))
  }

  @Test("claude's last line tells how it went and what it cost")
  func claude() throws {
    let result = """
      {"type":"system","subtype":"init"}
      {"type":"result","subtype":"success","is_error":false,"result":"ok","total_cost_usd":0.12345,\
      "usage":{"input_tokens":1200,"output_tokens":34,"cache_read_input_tokens":1000}}
      """
    let good = try watch("claude", [(.output, result)])
    #expect(good.end == .finished)
    #expect(good.usage == "1,200 tokens in (1,000 cached), 34 out, $0.1235")
    let bad = try watch(
      "claude", [(.output, #"{"type":"result","subtype":"success","is_error":true,"result":"no"}"#)]
    )
    #expect(failure(bad.end).hasSuffix(": no"))
    let limited = try watch(
      "claude", [(.output, #"{"type":"result","subtype":"error_max_turns"}"#)])
    #expect(failure(limited.end).contains("did not say {subtype: success, type: result}"))
  }

  @Test("codex adds up its turns, and tells why one failed")
  func codex() throws {
    let turn = #"{"type":"turn.completed","usage":{"input_tokens":10,"output_tokens":5}}"#
    let good = try watch("codex", [(.output, "\(turn)\r\n\(turn)\n")])
    #expect(good.end == .finished && good.usage == "20 tokens in, 10 out")
    let bad = try watch(
      "codex",
      [(.output, #"{"type":"turn.failed","error":{"message":"over\u0007 quota"}}"# + "\n")], 1)
    #expect(failure(bad.end) == "the agent ended with exit code 1: over  quota")
  }

  @Test("a flood without a line's end is passed over, and what comes after is seen")
  func flood() throws {
    let watch = SignWatch(try #require(Self.profiles["codex"]).reading)
    let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 16)
    for _ in 0..<64 { watch.take(.output, chunk) }
    watch.take(.output, Array("\n{\"type\":\"turn.completed\",\"usage\":{}}\n".utf8))
    #expect(watch.end(.exited(0)) == .finished)
  }

  @Test("figures that cannot be are left out")
  func nonsense() throws {
    let told = try watch(
      "codex",
      [
        (
          .output,
          #"{"type":"turn.completed","usage":{"input_tokens":-5,"output_tokens":1e300}}"# + "\n"
        )
      ])
    #expect(told.usage == nil && told.end == .finished)
  }
}
