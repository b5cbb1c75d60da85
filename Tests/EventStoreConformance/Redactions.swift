import Domain
import EventLog
import LogStories
import Projections
import Testing
import Text

extension EventStoreConformance {
  static let redactions: [ConformanceCheck] = [
    ConformanceCheck("words are taken away, and the chain holds") { store in
      _ = try await store.tell(1)
      let before = try await store.log()
      let withWords = before.filter { !$0.salt.isEmpty }.map(\.position)
      #expect(withWords.count >= 2)
      let told = try await store.store.redact(
        withWords, reason: "a password", by: Story.user)
      #expect(
        told.map(\.event)
          == withWords.map { .system(.redacted(position: $0, reason: "a password")) })
      #expect(told.allSatisfy { $0.actor == Story.user && $0.stream == .system })
      let after = try await store.log()
      #expect(Array(after.suffix(told.count)) == told)
      #expect(store.heard.events.suffix(told.count) == told[...])
      var check = ChainCheck()
      for event in after {
        #expect(check.take(try StoredEvent(exported: event.json.canonical)) == nil)
      }
      for position in withWords {
        let event = after[Int(position) - 1]
        #expect(event.isRedacted && event.salt.isEmpty)
        #expect(event.json["data"]["text"] == .null)
        #expect(event == (try before[Int(position) - 1].withoutText()))
      }
      let own = try await store.store.read(.delegation(Story.id(1)))
      #expect(own == Array(after.prefix(before.count)))
    },
    ConformanceCheck("views follow a redaction") { store in
      _ = try await store.tell(1)
      let digests = try await store.store.digests().digests
      _ = try await store.store.redact([1], reason: "r", by: Story.user)
      let detail = try await store.store.delegation(.id(Story.id(1)))
      #expect(detail?.text == nil && detail?.row.state == .pushed)
      #expect(try await store.store.pullRequests(in: [], limit: 5).first?.title == nil)
      #expect(try await store.store.digests().digests == digests)
      #expect(try await store.store.digests().position == 10)
      let query = try AuditQuery("\"Add export\"", now: store.clock.now)
      #expect(try await store.store.audit(query, before: nil, limit: 9).isEmpty)
    },
    ConformanceCheck("the log goes on after a redaction") { store in
      _ = try await store.tell(1)
      _ = try await store.store.redact([1], reason: "r", by: Story.user)
      _ = try await store.tell(2)
      _ = try await store.store.redact([11], reason: "r", by: Story.user)
      #expect(try await store.store.read(.system).map(\.version) == [1, 2])
      #expect(try await store.store.rebuild().isIdentical)
    },
    ConformanceCheck("what is not redacted, and nothing with it") { store in
      _ = try await store.tell(1)
      _ = try await store.tell(2, to: .branched)
      _ = try await store.store.append(
        Story.append([.workflowDefined(name: "w", digest: "d", source: "s")]))
      _ = try await store.store.redact([1], reason: "r", by: Story.user)
      let generated: Int64 = 8
      let isUnchanged = try await store.isUnchanged {
        #expect(await store.redactionRefusal([99]) == .noSuchEvent(99))
        #expect(await store.redactionRefusal([0]) == .noSuchEvent(0))
        #expect(await store.redactionRefusal([2]) == .noText(2))
        #expect(await store.redactionRefusal([1]) == .redactedBefore(1))
        #expect(await store.redactionRefusal([10]) == .underWay(10))
        #expect(await store.redactionRefusal([13]) == .definition(13))
        #expect(await store.redactionRefusal([generated, 2]) == .noText(2))
      }
      #expect(isUnchanged)
    },
    ConformanceCheck("views that are made again are the same") { store in
      var random = RandomLog(seed: 9)
      for _ in 0..<80 {
        let append = random.next()
        store.clock.set(random.now)
        _ = try await store.store.append(append)
      }
      let before = try await store.store.digests()
      let rebuild = try await store.store.rebuild()
      #expect(rebuild.isIdentical)
      #expect(rebuild.rebuilt == before.digests && rebuild.head.position == before.position)
      #expect(try await store.store.digests().digests == before.digests)
    },
  ]
}

extension StoreUnderTest {
  /// Why the words of these events are not taken away; nil where they are.
  func redactionRefusal(_ positions: [Int64]) async -> RedactionFault? {
    do throws(RedactionFault) {
      _ = try await store.redact(positions, reason: "r", by: Story.user)
      return nil
    } catch {
      return error
    }
  }
}
