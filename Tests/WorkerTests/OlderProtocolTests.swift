import Domain
import Foundation
import Testing
import WorkerProtocol

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
    #expect(generating.head == "h")
  }

  /// A commit that waits in the journal must not be lost by an update.
  @Test func journal() throws {
    let record = try read(
      JournalRecord.self,
      """
      {"lease":\(Self.lease),"repository":"o/r","made":{"commit":"c","head":"h","durationMs":5,
       "outputBytes":1,"outputDigest":"d","usage":"13 tokens out"}}
      """)
    #expect(record.made?.commit == "c" && record.used == nil)
    #expect(Attempt(recovered: record)?.commit == "c")
  }
}
