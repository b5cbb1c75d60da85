import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Projections
import SystemCalls
import Terminal
import Text

struct Why: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tells what happened to a delegation, why, and what comes next.",
    discussion: "Each sentence is of an event of the log, by its time; the last ones are of now.")

  @OptionGroup var delegation: ReferenceArgument
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let answer = try await client.api.get(
      try ServerAPI.path("/api/delegations", delegation.reference, "/events"))
    let events = try (answer["items"].arrayValue ?? []).map { try $0.storedEvent() }
    let now = Timestamp.now
    let story = CausalStory(of: events, now: now)
    if output.json { return json(story).printLine() }
    for sentence in story.sentences {
      let time = sentence.position == nil ? "now" : sentence.time.iso8601
      let padding = String(repeating: " ", count: max(0, 24 - time.count))
      Terminal.say(Style.dim.on(time) + padding + "  " + sentence.text.safe())
    }
  }

  private func json(_ story: CausalStory) -> JSONValue {
    .object([
      "sentences": .array(
        story.sentences.map { sentence in
          .object([
            "position": sentence.position.map { .integer($0) } ?? .null,
            "time": .string(sentence.time.iso8601), "text": .string(sentence.text),
          ])
        })
    ])
  }
}
