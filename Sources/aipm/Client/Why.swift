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
  @OptionGroup var output: SelectionOptions

  func run() async throws {
    let api = try client.api
    let reference = try await delegation.resolve(api)
    let answer = try await api.get(
      try ServerAPI.path("/api/delegations", reference, "/events"))
    let events = try (answer["items"].arrayValue ?? []).map { try $0.storedEvent() }
    let now = Timestamp.now
    if output.isJSON {
      return try await output.print(json(CausalStory(of: events, now: now)))
    }
    let story = CausalStory(of: events, now: now, clock: { LocalTime.text($0) })
    let width = LocalTime.text(now).count
    for sentence in story.sentences {
      let time = sentence.position == nil ? "now" : LocalTime.text(sentence.time)
      let padding = String(repeating: " ", count: max(0, width - time.count))
      let text = Terminal.folded(sentence.text.safe(), indent: width + 2)
      Terminal.say(Style.dim.on(time) + padding + "  " + text)
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
