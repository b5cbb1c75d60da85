import Domain
import Foundation
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

/// What a worker or a journal of the version before says is still read.
@Suite struct OlderProtocolTests {
  private func read<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    try JSONDecoder().decode(type, from: Data(text.utf8))
  }

  private static let lease = #"{"delegation":"d","attempt":1,"token":7}"#

  @Test func reports() throws {
    let result = try read(
      ResultReport.self,
      """
      {"worker":"w","lease":\(Self.lease),"outcome":"committed","commit":"c","durationMs":5,
       "outputBytes":1,"outputDigest":"d","usage":"13 tokens out, $0.0790","incarnation":3}
      """)
    #expect(result.usage == "13 tokens out, $0.0790" && result.used == nil)
    let registration = try read(
      Registration.self,
      """
      {"worker":"w","host":"h","version":"1","agents":["demo"],"local":true,"processID":9,
       "journal":[{"lease":\(Self.lease),"commit":"c"}]}
      """)
    #expect(registration.journal.first?.used == nil)
    let beat = try read(
      Heartbeat.self,
      #"{"worker":"w","incarnation":1,"lease":\#(Self.lease),"agentSilentMs":4}"#)
    #expect(beat.used == nil && beat.agentSilentMs == 4)
    let generating = try read(
      GeneratingReport.self,
      #"{"worker":"w","lease":\#(Self.lease),"agent":"demo","head":"h","incarnation":3}"#)
    #expect(generating.head == "h" && generating.continues == nil)
  }

  /// An order of a server that knows nothing of conversations, and an agent that keeps running.
  @Test func order() throws {
    let order = try read(
      Assignment.self,
      """
      {"lease":\(Self.lease),"repository":"o/r","branch":"b","head":"h","prompt":"p",
       "commitMessage":"m","timeoutMs":5,"outputBytesMax":9,"agent":{"name":"a","isDemo":false,
       "arguments":[{"kind":"literal","text":"x"}],"promptOnStandardInput":false,"environment":[],
       "reading":{"successCodes":[0],"codeMeanings":{},"success":[],"failure":[],"usage":[]},
       "session":{"arguments":["x"],"accessesFiles":true,
        "permissions":{"allowsByDefault":true,"byKind":{}}}}}
      """)
    #expect(order.session == nil && order.agent.resumeArguments == nil)
    #expect(order.agent.session?.loadsSessions == nil && order.agent.reading?.session == nil)
  }

  /// A worker of the version before reads an order with a conversation: what it does not know is in
  /// members of their own.
  @Test func orderForAnOlderWorker() throws {
    struct OlderArgument: Decodable {
      enum Kind: String, Decodable { case literal, prompt, promptFile, directory }
      var kind: Kind
    }
    struct OlderOrder: Decodable {
      struct Agent: Decodable {
        var arguments: [OlderArgument]
        var longPromptArguments: [OlderArgument]?
      }
      var prompt: String
      var agent: Agent
    }
    var order = Assignment.sample(head: "h")
    order.agent.resumeArguments = [.init(kind: .literal, text: "x"), .init(kind: .session)]
    order.session = SessionOrder(first: "d0", keepMs: 1, prompt: "next")
    let older = try JSONDecoder().decode(OlderOrder.self, from: JSONEncoder().encode(order))
    #expect(older.prompt == "Implement: x\n" && older.agent.arguments.count == 5)
  }

  /// A commit that waits in the journal must not be lost by an update.
  @Test func journal() throws {
    let record = try read(
      JournalRecord.self,
      """
      {"lease":\(Self.lease),"repository":"o/r","made":{"commit":"c","head":"h","durationMs":5,
       "outputBytes":1,"outputDigest":"d","usage":"13 tokens out"}}
      """)
    #expect(record.made?.commit == "c" && record.used == nil && record.continues == nil)
    #expect(Attempt(recovered: record)?.commit == "c")
  }
}
