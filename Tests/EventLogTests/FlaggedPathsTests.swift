import Domain
import LogStories
import Testing
import Text

@testable import EventLog

/// Paths that people should look at are part of an event's text, and only if there are any.
struct FlaggedPathsTests {
  private func coded(_ flagged: [String]) throws -> (encoded: EncodedEvent, decoded: Event) {
    var figures = Story.figures
    figures.flagged = flagged
    let event = DelegationEvent.generated(
      Generated(
        attempt: 1, token: nil, sha: ObjectID(String(repeating: "a", count: 40)),
        parent: ObjectID(String(repeating: "b", count: 40)), figures: figures))
    let encoded = EventCodec.encode(.delegation(event))
    return (
      encoded, try EventCodec.decode(encoded.type, facts: encoded.facts, text: encoded.text)
    )
  }

  @Test func theyAreKeptWithTheCommit() throws {
    let (encoded, decoded) = try coded(["AGENTS.md", ".vscode/settings.json"])
    #expect(encoded.text["flagged"]?.arrayValue?.count == 2)
    guard case .delegation(.generated(let generated)) = decoded else {
      Issue.record("another event")
      return
    }
    #expect(generated.figures?.flagged == ["AGENTS.md", ".vscode/settings.json"])
  }

  @Test func anEventWithoutAnyIsWhatItWas() throws {
    #expect(try coded([]).encoded.text["flagged"] == nil)
  }
}
