import Domain
import Processes
import Testing
import Workflows

@testable import Worker

/// What agents really printed, with the version that printed it and where that is to be read; ids
/// are shortened.
@Suite("Outputs of real agents") struct AgentSamplesTests {
  struct Sample: Sendable {
    var agent: String
    var said: String
    var exit: Int32 = 0
    /// nil: it went well.
    var failure: String?
    var usage: String?
  }

  static let samples: [Sample] = [
    // Claude Code of March 2026: github.com/anthropics/claude-code/issues/38706
    Sample(
      agent: "claude",
      said: """
        {"type":"result","subtype":"success","is_error":false,"duration_ms":4047,"num_turns":1,\
        "result":"","stop_reason":"end_turn","session_id":"20dde46c","total_cost_usd":0.079,\
        "usage":{"output_tokens":13}}
        """, usage: "13 tokens out, $0.0790"),
    // Codex of April 2026, gpt-5.4-mini: github.com/openai/codex/issues/19022
    Sample(
      agent: "codex",
      said: """
        {"type":"item.completed","item":{"id":"i","type":"agent_message","text":"123333"}}
        {"type":"turn.completed","usage":{"input_tokens":32161,"cached_input_tokens":1920,\
        "output_tokens":47}}
        """, usage: "32,161 tokens in (1,920 cached), 47 out"),
    // Codex of November 2025: github.com/zed-industries/codex-acp/issues/99
    Sample(
      agent: "codex",
      said: """
        {"type":"item.completed","item":{"id":"item_20","type":"reasoning","text":"**Summarizing"}}
        {"type":"turn.completed","usage":{"input_tokens":70021,"cached_input_tokens":57088,\
        "output_tokens":2374}}
        """, usage: "70,021 tokens in (57,088 cached), 2,374 out"),
    // Codex of August 2026, with an item that is an error and no end:
    // github.com/garrytan/gstack/pull/2660. What follows the cached tokens is cut off there, and
    // made up here.
    Sample(
      agent: "codex",
      said: """
        {"type":"thread.started","thread_id":"01a0249b"}
        {"type":"turn.started"}
        {"type":"item.completed","item":{"id":"item_0","type":"error","message":"Skill"}}
        {"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"Hi"}}
        {"type":"turn.completed","usage":{"input_tokens":21294,"cached_input_tokens":6912,\
        "cache_write_input_tokens":0,"output_tokens":5,"reasoning_output_tokens":0}}
        """, usage: "21,294 tokens in (6,912 cached), 5 out"),
    // Gemini CLI of March 2026: github.com/google-gemini/gemini-cli/issues/21833
    Sample(
      agent: "gemini",
      said: """
        {"type":"result","stats":{"total_tokens":450,"input_tokens":150,"output_tokens":300,\
        "cached":0,"input":150,"duration_ms":5000,"tool_calls":3}}
        """, usage: "150 tokens in (0 cached), 300 out"),
    // opencode of September 2025: github.com/anomalyco/opencode/pull/2810
    Sample(
      agent: "opencode",
      said: """
        {"type":"step_start","timestamp":1758919896305,"sessionID":"ses_6","part":{"id":"prt_9",\
        "messageID":"msg_9","sessionID":"ses_6","type":"step-start"}}
        {"type":"step_finish","timestamp":1758919898483,"sessionID":"ses_6","part":{"id":"prt_9",\
        "messageID":"msg_9","sessionID":"ses_6","type":"step-finish","tokens":{"input":11087,\
        "output":145,"reasoning":0,"cache":{"write":0,"read":0}},"cost":0.0070147}}
        """, usage: "11,087 tokens in (0 cached), 145 out, $0.0070"),
    // opencode 1.18.29: github.com/anomalyco/opencode/issues/47972
    Sample(
      agent: "opencode",
      said: """
        {"type":"error","timestamp":1788875942731,"sessionID":"ses_f","error":{"name":\
        "UnknownError","data":{"message":"Unexpected server error. Check server logs for \
        details.","ref":"err_4014dc86"}}}
        """, exit: 1,
      failure: "the agent ended with exit code 1: Unexpected server error. Check server logs"),
    // aider 0.86.2, base_coder.py, calculate_and_show_tokens_and_cost: with a cache, without one,
    // with one that was only read, broken at 80 columns as it breaks lines; each twice.
    Sample(
      agent: "aider",
      said: """
        Tokens: 12k sent, 3.1k cache write, 10k cache hit, 512 received.
        Cost: $0.03 message, $0.10 session.
        Tokens: 2.3k sent, 512 received. Cost: $0.01 message, $0.11 session.
        """, usage: "14,300 tokens in (10,000 cached), 1,024 out, $0.1100"),
    Sample(
      agent: "aider",
      said: """
        Tokens: 2.3k sent, 512 received.
        Tokens: 12k sent, 10k cache hit, 1.5k received. Cost: $0.03 message, $0.14
        session.
        Tokens: 999 sent, 9.9k cache write, 88 received. Cost: $0.0012 message,
        $0.1412 session.
        """, usage: "15,299 tokens in (10,000 cached), 2,100 out, $0.1412"),
    // aider of 2023, whose cost is of a request: aider.chat/HISTORY.html
    Sample(
      agent: "aider",
      said: "Tokens: 12,345 sent, 1,234 received. Cost: $0.05 request, $0.20 session.",
      usage: "12,345 tokens in, 1,234 out, $0.2000"),
  ]

  @Test("are read as what they are", arguments: samples.indices)
  func read(index: Int) throws {
    let sample = Self.samples[index]
    let profile = try #require(WorkflowCatalog()["personal-delegate"]?.agents[sample.agent])
    let watch = SignWatch(profile.reading)
    watch.take(.output, Array((sample.said + "\n").utf8))
    let end = watch.end(.exited(sample.exit))
    if let failure = sample.failure {
      guard case .failed(let message) = end else { throw TestFault("\(sample.agent): \(end)") }
      #expect(message.hasPrefix(failure))
    } else {
      #expect(end == .finished, "\(sample.agent)")
    }
    #expect(watch.used.summary == sample.usage, "\(sample.agent)")
  }
}
