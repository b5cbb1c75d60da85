import Domain
import Processes
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

@Suite("Signs in an agent's output") struct SignWatchTests {
  private static let profiles = (try? WorkflowCatalog()["personal-delegate"]?.agents) ?? [:]

  private func watch(
    _ agent: String, _ said: [(OutputChannel, String)], _ exit: Int32 = 0
  ) throws -> (end: AgentEnd, usage: String?) {
    let watch = SignWatch(try #require(Self.profiles[agent]).reading)
    for (channel, text) in said { watch.take(channel, Array(text.utf8)) }
    return (watch.end(.exited(exit)), watch.used.summary)
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
    #expect(failure(limited.end).hasSuffix(": error_max_turns"))
  }

  private func limit(_ end: AgentEnd) -> AgentLimitReport? {
    if case .limited(_, let limit) = end { limit } else { nil }
  }

  @Test("a provider's limit is told from a failure, with its end where that stands")
  func limits() throws {
    func claude(_ text: String, isError: Bool = true) -> (OutputChannel, String) {
      (
        .output,
        #"{"type":"result","subtype":"success","is_error":\#(isError),"result":"\#(text)"}"#
      )
    }
    let timed = try watch("claude", [claude("Claude AI usage limit reached|1749924000")], 1)
    #expect(limit(timed.end) == AgentLimitReport(resetAtMs: 1_749_924_000_000))
    let untimed = try watch("claude", [claude("You've hit your limit · resets 3:30am (UTC)")], 1)
    #expect(limit(untimed.end) == AgentLimitReport())
    func codex(_ text: String) -> (OutputChannel, String) {
      (.output, #"{"type":"turn.failed","error":{"message":"\#(text)"}}"#)
    }
    let text = "You've hit your usage limit. Upgrade to Pro or try again in"
    let long = try watch("codex", [codex("\(text) 2 days 17 hours 14 minutes.")], 1)
    #expect(limit(long.end) == AgentLimitReport(resetInMs: 234_840_000))
    let short = try watch("codex", [codex("\(text) 1 hour 1 minute.")], 1)
    #expect(limit(short.end) == AgentLimitReport(resetInMs: 3_660_000))
    // An agent that speaks of limits and does its work has met none, and neither has one that
    // failed for another reason after it.
    let spoken = try watch("claude", [claude("usage limit reached|1749924000", isError: false)])
    #expect(spoken.end == .finished)
    let tool = (
      OutputChannel.output, #"{"type":"user","text":"usage limit reached|1749924000"}"# + "\n"
    )
    #expect(limit(try watch("claude", [tool, claude("no")], 1).end) == nil)
  }

  /// https://github.com/openai/codex/issues/17539: a turn tells what the session has used.
  @Test("codex's last turn tells what all used, and why one failed")
  func codex() throws {
    func turn(_ count: Int) -> String {
      #"{"type":"turn.completed","usage":{"input_tokens":\#(count),"output_tokens":5}}"#
    }
    let good = try watch("codex", [(.output, "\(turn(10))\r\n\(turn(30))\n")])
    #expect(good.end == .finished && good.usage == "30 tokens in, 5 out")
    let bad = try watch(
      "codex",
      [(.output, #"{"type":"turn.failed","error":{"message":"over\u0007 quota"}}"# + "\n")], 1)
    #expect(failure(bad.end) == "the agent ended with exit code 1: over  quota")
  }

  @Test("an error that the agent got over is not its end, and one that it did not is")
  func recovery() throws {
    let error = #"{"type":"error","error":{"name":"APIError","data":{"message":"reset"}}}"# + "\n"
    let step = #"{"type":"step_finish","part":{"reason":"stop","tokens":{"input":1}}}"# + "\n"
    #expect(try watch("opencode", [(.output, error + step)]).end == .finished)
    #expect(failure(try watch("opencode", [(.output, step + error)]).end).hasSuffix(": reset"))
    #expect(
      failure(try watch("opencode", [(.output, error + step + error)]).end).hasSuffix(": reset"))
    // The same on the other stream, or with another exit code, is not a sign.
    #expect(failure(try watch("opencode", [(.output, error), (.error, step)]).end) != "")
    #expect(try watch("opencode", [(.output, error + step)], 1).end == .exited(1))
    let failed = #"{"type":"result","subtype":"error_during_execution","is_error":true}"# + "\n"
    let done = #"{"type":"result","subtype":"success","is_error":false,"result":"x"}"# + "\n"
    #expect(try watch("claude", [(.output, failed + done)]).end == .finished)
    #expect(failure(try watch("claude", [(.output, done + failed)]).end).contains("error_during"))
  }

  @Test("a line of any length is read, wherever it is cut", arguments: [1 << 18, 1 << 23])
  func longLine(length: Int) throws {
    let filler = String(repeating: "x\\\"{[ é", count: length / 9)
    let line = """
      {"type":"result","note":"\(filler)","list":[{"type":"no"},"}"],"result":"r",\
      "permission_denials":[{"tool_input":{"new_source":"\(filler)"}}],"subtype":"success",\
      "is_error":false,"total_cost_usd":0.5,"usage":{"input_tokens":10,"output_tokens":5}}
      """
    for size in [4093, 1 << 16, Int.max] {
      let watch = SignWatch(try #require(Self.profiles["claude"]).reading)
      var rest = Array((line + "\n{\"type\":\"after\"}\n").utf8)[...]
      while !rest.isEmpty {
        watch.take(.output, Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
      }
      #expect(watch.end(.exited(0)) == .finished)
      #expect(watch.used.summary == "10 tokens in, 5 out, $0.5000")
    }
    // Without its end, and cut off.
    let whole = try watch("claude", [(.output, line)])
    #expect(whole.end == .finished && whole.usage == "10 tokens in, 5 out, $0.5000")
    let cut = try watch("claude", [(.output, String(line.dropLast()))])
    #expect(failure(cut.end).contains("did not say") && cut.usage == nil)
    // A text's head and tail are looked at.
    let text = try watch("kiro", [(.error, filler + filler + " ▸ Credits: 2 • Time: 1s\n")])
    #expect(text.end == .finished && text.usage == "2.00 credits")
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
    let result = try watch(
      "codex",
      [
        (
          .output,
          #"{"type":"turn.completed","usage":{"input_tokens":-5,"output_tokens":1e300}}"# + "\n"
        )
      ])
    #expect(result.usage == nil && result.end == .finished)
  }
}
