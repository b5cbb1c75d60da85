import Domain
import EventLog
import LogStories
import Testing
import Text

/// The bytes that are hashed never change by accident: the values here were computed by another
/// program (Python's hashlib) from the guide's prose (HashFormat.md).
struct HashTests {
  private static let salt = (0..<16).map { UInt8($0) }
  private static let text = JSONValue.object([
    "title": .string("Übung \u{1F600}"), "objective": .string("User can \"export\" data"),
  ])
  private static let payload =
    "290f106acefdccbe72a509a09433b06a2c2f69988a2beba2cd1844baca036e26"
  private static let leaf =
    "f8c4e6f0c6b728d80413e7eab541ded43c7b0aedaf6758b9e19768aca10e192c"

  @Test func payloads() {
    let hash = LogHash.payload(salt: Self.salt, text: Self.text.canonical)
    #expect(Hex.encode(hash) == Self.payload)
    #expect(
      Hex.encode(LogHash.emptyPayload)
        == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
    #expect(LogHash.genesis == [UInt8](repeating: 0, count: 32))
  }

  @Test func leaves() throws {
    var facts = Facts()
    facts.put(.attempt, 1)
    facts.put(.token, FencingToken(epoch: 1, counter: 1).packed)
    facts.put(.agent, "demo")
    facts.put(.sha, String(repeating: "a", count: 40))
    facts.detail = ["session": .string("s-1")]
    let leaf = LogHash.leaf(
      position: 7, id: "01890a5d-ac96-774b-8cce-b302099a8057",
      stream: "delegation-01890a5d-ac96-774b-bcce-b302099a8057", version: 3,
      type: "delegation.generating", schema: 1,
      time: Timestamp(milliseconds: 1_795_435_200_123),
      actor: Actor(kind: .worker, name: "worker-1"),
      correlation: "01890a5d-ac96-774b-bcce-b302099a8057", causation: nil,
      facts: JSONValue.object(facts.object).canonical,
      payloadHash: try #require(Hex.decode(Self.payload)))
    #expect(Hex.encode(leaf) == Self.leaf)
  }

  @Test func chains() throws {
    let hash = LogHash.chain(
      previous: LogHash.genesis, leaf: try #require(Hex.decode(Self.leaf)))
    #expect(
      Hex.encode(hash) == "baa3eaca1ea24ff69fed08af9b7ef32957c9e26cb488ffb163a97b15a917dded")
  }

  /// A whole log, with a fixed source of ids and salts.
  @Test func aWholeLog() {
    // Event types that came later change no hash of a log without them: each constant is the hash
    // of the log of all types until then.
    let additions = EveryEvent.additions.count
    let merges = EveryEvent.merges.count + additions
    let rounds = EveryEvent.rounds.count + merges
    func hash(without later: Set<EventType>, dropping count: Int) -> String {
      let events = EveryEvent.all.dropLast(count).filter {
        !later.contains(EventCodec.encode($0).type)
      }
      return Hex.encode(Sealed.log(events).last?.hash ?? [])
    }
    #expect(
      hash(without: [.networkUsed, .tokenCreated, .tokenRevoked], dropping: rounds)
        == "60a48502079a95478a4ae8b0ed127cfdfc5a5c8ae65eab4b03980cd50ad2074b")
    #expect(
      hash(without: [.tokenCreated, .tokenRevoked], dropping: rounds)
        == "c6934e216b6253b466d71598f9f40b4b6616d30d6882d2b256cbcddfaf8285bb")
    #expect(
      hash(without: [], dropping: rounds)
        == "83c3eead4ed4bf17fe3c82d717a14620f24e5c62bf94469c511a2dcab0653273")
    #expect(
      hash(without: [], dropping: merges)
        == "d5a22381ff57a338c8adf1f21516d9f1921ff11c7d48798f3b2a3396ea8069f8")
    #expect(
      hash(without: [], dropping: additions)
        == "cd9fdf46fb11f89124f74049e70ddd91e5cab3044ab54248342d0ae2c833ef6c")
    #expect(
      hash(without: [], dropping: 0)
        == "ab88950274ecaee3062538659736a3b885feaa53b9ab0ae3c491ac776c31e27d")
  }

  /// What looks the same is not the same: texts are hashed by their bytes.
  @Test func composedAndDecomposed() {
    let composed = JSONValue.string("\u{e9}")
    let decomposed = JSONValue.string("e\u{301}")
    #expect(composed.canonical != decomposed.canonical)
    let hash = LogHash.payload(salt: [], text: composed.canonical)
    #expect(hash != LogHash.payload(salt: [], text: decomposed.canonical))
  }
}
