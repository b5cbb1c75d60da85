import Domain
import EventLog
import LogStories
import Testing
import Text

/// Whatever can happen is kept whole, in the log's own form and in an export.
struct CodecTests {
  @Test func thereIsAnEventOfEachType() {
    let types = Set(EveryEvent.all.map { EventCodec.encode($0).type })
    #expect(types == Set(EventType.allCases))
  }

  @Test(arguments: EveryEvent.all)
  func roundTrip(event: Event) throws {
    let encoded = EventCodec.encode(event)
    #expect(encoded.type.name == event.name)
    let text = encoded.text.isEmpty ? nil : encoded.text
    #expect(try EventCodec.decode(encoded.type, facts: encoded.facts, text: text) == event)
    #expect(Facts(object: encoded.facts.object) == encoded.facts)
  }

  @Test(arguments: EveryEvent.all)
  func roundTripThroughAnExport(event: Event) throws {
    let recorded = try #require(Sealed.log([event]).first)
    let line = recorded.json.canonical
    #expect(!line.contains(UInt8(ascii: "\n")))
    let stored = try StoredEvent(exported: line)
    #expect(try stored.recorded() == recorded)
    var check = ChainCheck()
    #expect(check.take(stored) == nil)
    #expect(check.head == LogHead(position: 1, hash: recorded.hash))
  }

  /// An event whose text was redacted keeps everything else.
  @Test(arguments: EveryEvent.all)
  func withoutItsText(event: Event) throws {
    var recorded = try #require(Sealed.log([event]).first)
    let hadText = !recorded.salt.isEmpty
    let whole = try StoredEvent(exported: recorded.json.canonical)
    recorded.salt = []
    recorded.event = try EventCodec.decode(
      EventCodec.encode(event).type, facts: EventCodec.encode(event).facts, text: nil)
    #expect(recorded.isRedacted == hadText)
    let stored = try StoredEvent(exported: recorded.json.canonical)
    #expect(try stored.recorded() == recorded)
    #expect(EventCodec.encode(try stored.event()).text.isEmpty)
    #expect(EventCodec.encode(try stored.event()).facts == EventCodec.encode(event).facts)
    #expect((stored.recomputedPayloadHash == nil) == hadText)
    var check = ChainCheck()
    #expect(check.take(stored) == nil, "the chain does not need the text")
    #expect(try whole.leanEvent().name == event.name)
  }

  /// A fact that is missing is a fault that names the type, or one that the event can be without.
  @Test(arguments: EveryEvent.all)
  func missingFacts(event: Event) throws {
    let encoded = EventCodec.encode(event)
    for (key, value) in encoded.facts.object where value != .bool(false) {
      var object = encoded.facts.object
      object[key] = nil
      do throws(CodecFault) {
        let decoded = try EventCodec.decode(
          encoded.type, facts: Facts(object: object), text: encoded.text)
        #expect(decoded != event, "\(key) makes no difference")
      } catch {
        #expect(error.type == event.name && !error.reason.isEmpty)
      }
    }
  }

  @Test func wordsOutsideOfTheirSetsAreFaults() {
    for (type, key) in [
      (EventType.failed, "step"), (.failed, "code"), (.stepFailed, "code"), (.released, "code"),
      (.pullRequestUpdated, "code"), (.requested, "repository"),
    ] {
      let event = EveryEvent.all.first { EventCodec.encode($0).type == type }
      guard let event else { continue }
      var object = EventCodec.encode(event).facts.object
      object[key] = .string("nonsense")
      #expect(throws: CodecFault.self) {
        try EventCodec.decode(type, facts: Facts(object: object), text: nil)
      }
    }
  }

  /// Numbers and names are stored in logs that are kept for ever.
  @Test func typesAreFrozen() {
    let frozen: [Int: String] = [
      1: "delegation.requested", 2: "delegation.branch-created", 3: "delegation.task-committed",
      4: "delegation.pr-created", 5: "delegation.dispatched", 6: "delegation.generating",
      7: "delegation.pushed", 8: "delegation.failed", 9: "delegation.base-resolved",
      10: "delegation.generated", 11: "delegation.step-failed", 12: "delegation.released",
      13: "delegation.cancel-requested", 14: "delegation.retry-requested",
      15: "delegation.pull-request-updated", 16: "delegation.action-done",
      17: "delegation.network-used",
      32: "worker.registered", 33: "worker.unhealthy", 34: "worker.recovered",
      35: "worker.restarted", 36: "worker.parked", 37: "worker.draining", 38: "worker.stopped",
      39: "worker.lost", 64: "system.started", 65: "system.recovered", 66: "system.restored",
      67: "system.redacted", 68: "system.workflow-defined",
      69: "system.token-created", 70: "system.token-revoked",
    ]
    for type in EventType.allCases {
      if let name = frozen[type.rawValue] { #expect(type.name == name) }
      #expect(EventType(name: type.name) == type)
    }
    #expect(Set(frozen.keys).isSubset(of: EventType.allCases.map(\.rawValue)))
    #expect(EventType(name: "delegation.unheard-of") == nil)
  }

  /// What is hashed of it: old logs must stay valid.
  @Test func theBytesOfNetworkUsedAreFrozen() throws {
    let event = Event.delegation(
      .networkUsed(NetworkUsed(attempt: 1, token: Story.token(7), use: Story.network)))
    let encoded = EventCodec.encode(event)
    #expect(encoded.text.isEmpty)
    #expect(
      JSONValue.object(encoded.facts.object).canonicalText
        == #"{"attempt":1,"bytesDown":1099511627776,"bytesUp":4096,"connections":9,"reached":3,"#
        + #""refused":2,"refusedHosts":[{"code":"host-unlisted","host":"pypi.org","port":443},"#
        + #"{"code":"host-unlisted","host":"files.example.org","port":8443},"#
        + #"{"code":"name-unresolved","host":"files.example.org","port":80}],"#
        + "\"token\":\(Story.token(7).packed)}")
    // A fold reads none of it, and gets to the same state.
    let stored = try StoredEvent(
      exported: try #require(Sealed.log([event]).first).json.canonical)
    let lean = NetworkUsed(attempt: 1, token: Story.token(7), use: nil)
    #expect(try stored.leanEvent() == .delegation(.networkUsed(lean)))
  }

  /// An agent that begins a new conversation is written as before.
  @Test func whatContinuesAConversationIsAddedToTheStart() throws {
    var start = GenerationStarted(
      attempt: 1, token: Story.token(1), agent: "demo", session: "s-1", head: Story.sha(1))
    let before = EventCodec.encode(.delegation(.generating(start)))
    #expect(before.facts.object["continues"] == nil)
    start.continues = Story.id(2)
    let encoded = EventCodec.encode(.delegation(.generating(start)))
    #expect(encoded.facts.object["continues"] == .string(Story.id(2).rawValue))
    #expect(encoded.facts.object.count == before.facts.object.count + 1)
    let decoded = try EventCodec.decode(.generating, facts: encoded.facts, text: nil)
    #expect(decoded == .delegation(.generating(start)))
  }

  @Test(arguments: [
    #"{"host":"a.org","port":0.5,"code":"c"}"#, #"{"host":"a.org","port":65536,"code":"c"}"#,
    #"{"host":"a.org","port":-1,"code":"c"}"#, #"{"host":7,"port":443,"code":"c"}"#,
    #"{"host":"a.org","port":443}"#, "7",
  ])
  func refusedHostsOfAnotherShapeAreFaults(host: String) throws {
    guard let host = try? JSONValue(json: Array(host.utf8)) else { return }
    func decode(_ hosts: [JSONValue]) throws -> Event {
      var object = EventCodec.encode(
        .delegation(
          .networkUsed(NetworkUsed(attempt: 1, token: Story.token(1), use: Story.network)))
      ).facts.object
      object["refusedHosts"] = .array(hosts)
      return try EventCodec.decode(.networkUsed, facts: Facts(object: object), text: nil)
    }
    #expect(throws: CodecFault.self) { try decode([host]) }
    let good = JSONValue.object([
      "host": .string("a.org"), "port": .integer(1), "code": .string("c"),
    ])
    #expect(throws: CodecFault.self) { try decode(Array(repeating: good, count: 21)) }
    #expect(throws: Never.self) { try decode(Array(repeating: good, count: 20)) }
  }

  @Test func streamNames() {
    for stream in [StreamName.delegation(Story.id(1)), .worker(WorkerID("w-1")), .system] {
      #expect(StreamName(stream.description) == stream)
    }
    #expect(StreamName("") == nil)
    #expect(StreamName("systems") == nil)
  }

  @Test(arguments: [
    "", "[]", "{}", "{\"position\":1}", "nonsense",
    "{\"actor\":{\"kind\":\"user\",\"name\":\"x\"},\"data\":{},\"hash\":\"\",\"id\":\"7\"}",
  ])
  func linesThatAreNoEnvelope(line: String) {
    #expect(throws: CodecFault.self) { try StoredEvent(exported: Array(line.utf8)) }
  }

  /// Each field of an envelope is looked at.
  @Test func envelopesWithAFieldOfTheWrongKind() throws {
    let recorded = try #require(
      Sealed.log([.delegation(.requested(Story.request(1)))]).first)
    let envelope = try #require(recorded.json.objectValue)
    for key in envelope.keys where key != "correlation" && key != "causation" {
      for wrong in [JSONValue.null, .array([]), .string("x")]
      where key != "stream" || wrong == .null {
        var changed = envelope
        changed[key] = wrong
        #expect(throws: CodecFault.self, "\(key) \(wrong)") {
          try StoredEvent(exported: JSONValue.object(changed).canonical)
        }
      }
    }
  }
}

/// What a fold reads of an event is enough for the state: each event, whole and lean, leads to the
/// same one.
struct LeanEventTests {
  @Test func aGoodDay() throws {
    var whole = DelegationState.absent
    var lean = DelegationState.absent
    for stored in try Sealed.stored(Sealed.goodDay) {
      guard case .delegation(let event) = try stored.event(),
        case .delegation(let leanEvent) = try stored.leanEvent()
      else { continue }
      whole = try whole.evolve(event, id: Story.id(1), at: stored.time)
      lean = try lean.evolve(leanEvent, id: Story.id(1), at: stored.time)
      #expect(whole.name == lean.name && whole.nextIntent?.name == lean.nextIntent?.name)
    }
    #expect(lean.name == .pushed)
  }
}
