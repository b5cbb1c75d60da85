import FoundationEssentials
import Terminal

/// Values for programs.
enum JSONOutput {
  /// A value as JSON, keys sorted.
  static func print(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    Terminal.say(String(decoding: try encoder.encode(value), as: UTF8.self))
  }
}
