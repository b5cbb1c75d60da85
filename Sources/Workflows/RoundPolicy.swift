// Which feedback on a pull request leads to a round, and how many rounds there may be.

import Domain

/// The rules of a workflow for rounds.
package struct RoundPolicy: Equatable, Sendable {
  /// What a round may begin with.
  package enum Trigger: String, CaseIterable, Sendable {
    /// Somebody asks in AIPM.
    case ask
    /// A submitted review, or its comments.
    case review
    /// A comment on the pull request that mentions one of `mentions`.
    case mention
    case checks
    /// The pull request conflicts with its base branch.
    case conflict
    /// The forge allows no merge before the branch has the newest commits of its base branch.
    case behind

    /// Those of a workflow with the key `rounds` that does not name them.
    static let usual: Set<Trigger> = [.ask, .review, .mention, .checks, .conflict]
  }

  /// Without the key `rounds`, AIPM does nothing by itself.
  package var on: Set<Trigger> = [.ask]
  /// How long a round waits for more feedback after the last.
  package var gather = Milliseconds.seconds(30)
  package var limits = RoundLimits(maximum: 10, checks: 2)
  /// Programs whose feedback counts, by the forge's names of their accounts.
  package var bots: [String] = []
  /// A comment on the pull request counts if it has one of these words.
  package var mentions = ["@aipm", "/aipm"]

  init() {}

  /// Whether anything that the forge reports may start a round.
  package var listensToForge: Bool { on.contains { $0 != .ask } }

  /// What becomes of feedback from the forge.
  /// - Returns: nil if it is not meant for AIPM: a comment of AIPM itself, or one that mentions
  ///   none of the names. It is not recorded.
  package func verdict(on feedback: Feedback) -> FeedbackVerdict? {
    // A workflow that begins rounds only in AIPM does not listen to the forge.
    if feedback.source != .ask, !listensToForge { return nil }
    let said = Mention.Text(feedback.text?.body ?? "")
    let isByPeople = feedback.source != .check && !feedback.source.asksForBase
    if isByPeople, said.hasMarker { return nil }
    let trigger: Trigger
    switch feedback.source {
    case .ask: return .counts(gather: Milliseconds(0))
    case .review, .reviewComment: trigger = .review
    case .comment:
      guard mentions.contains(where: said.mentions) else { return nil }
      trigger = .mention
    case .check: trigger = .checks
    case .conflict: trigger = .conflict
    case .behind: trigger = .behind
    }
    guard on.contains(trigger) else { return .ignore(.sourceOff) }
    // These are facts of the forge, whatever account reports them.
    if !isByPeople { return .counts(gather: gather) }
    guard feedback.isByBot else { return .examine }
    return lists(feedback.author) ? .counts(gather: gather) : .ignore(.botNotListed)
  }

  /// What becomes of feedback when the forge said whether its author may push.
  package func verdict(mayPush: Bool) -> FeedbackVerdict {
    mayPush ? .counts(gather: gather) : .ignore(.noPermission)
  }

  private func lists(_ author: String) -> Bool {
    let name = Mention.folded(author)
    return bots.contains { bot in
      let bot = Mention.folded(bot)
      return bot == name || bot + "[bot]" == name
    }
  }
}

/// Names in the text of a comment.
enum Mention {
  /// The part of a comment that its author wrote: without quoted lines and code.
  struct Text {
    private let lines: [[UInt8]]

    init(_ body: String) {
      var isFenced = false
      var lines: [[UInt8]] = []
      for line in body.utf8.split(whereSeparator: { $0 == 10 || $0 == 13 }) {
        let content = line.drop { $0 == 0x20 || $0 == 0x09 }
        if content.starts(with: "```".utf8) || content.starts(with: "~~~".utf8) {
          isFenced.toggle()
          continue
        }
        if isFenced || content.first == UInt8(ascii: ">") { continue }
        // Every second part stands between backticks.
        let parts = content.split(separator: UInt8(ascii: "`"), omittingEmptySubsequences: false)
        let words = parts.indices.filter { $0.isMultiple(of: 2) || $0 == parts.count - 1 }
        lines.append(Array(words.map { parts[$0] }.joined(separator: [0x20])))
      }
      self.lines = lines
    }

    /// Whether it has the marker of a text that AIPM wrote.
    var hasMarker: Bool {
      lines.contains { $0.firstRange(of: Array(DelegationMarker.opening.utf8)) != nil }
    }

    /// Whether it has the name as a word of its own. Only A–Z are folded.
    func mentions(_ name: String) -> Bool {
      let name = Array(Mention.folded(name).utf8)
      return lines.contains { line in
        let line = line.map(Mention.folded)
        return line.indices.contains { start in
          let end = start + name.count
          guard end <= line.count, line[start..<end].elementsEqual(name) else { return false }
          let before = start == 0 ? nil : line[start - 1]
          let after = end == line.count ? nil : line[end]
          return !Mention.isWord(before) && !Mention.isWord(after)
            && before != UInt8(ascii: "/") && before != UInt8(ascii: "@")
            && after != UInt8(ascii: "/")
        }
      }
    }
  }

  /// Whether a byte may be part of a name. Bytes beyond ASCII may.
  private static func isWord(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return (97...122).contains(byte) || (48...57).contains(byte) || byte >= 0x80
      || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
  }

  private static func folded(_ byte: UInt8) -> UInt8 { 65...90 ~= byte ? byte | 32 : byte }

  static func folded(_ text: String) -> String {
    String(decoding: text.utf8.map { folded($0) as UInt8 }, as: UTF8.self)
  }
}

extension DefinitionReader {
  /// The value of the key `rounds`.
  mutating func roundPolicy(_ all: Fields) -> RoundPolicy {
    var policy = RoundPolicy()
    let keys = ["on", "gather", "maximum", "checks", "bots", "mentions"]
    guard let fields = fields(all["rounds"], keys: keys) else { return policy }
    policy.on = RoundPolicy.Trigger.usual
    if let on = texts(fields["on"]) {
      policy.on = []
      for item in on {
        guard let trigger = RoundPolicy.Trigger(rawValue: item.text) else {
          note(
            item.position, "rounds.on: \"\(item.text)\" is not known",
            Spelling.hint(for: item.text, in: RoundPolicy.Trigger.allCases.map(\.rawValue)))
          continue
        }
        policy.on.insert(trigger)
      }
    }
    let gather = Milliseconds(0)...Milliseconds.seconds(3600)
    if let span = duration(fields["gather"], in: gather) { policy.gather = span }
    if let count = integer(fields["maximum"], in: 0...100) { policy.limits.maximum = count }
    if let count = integer(fields["checks"], in: 0...100) { policy.limits.checks = count }
    if let bots = texts(fields["bots"]) { policy.bots = bots.map(\.text) }
    guard let mentions = texts(fields["mentions"]) else { return policy }
    for item in mentions {
      let isVisible = item.text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
      let isWord = item.text.utf8.count > 1 && isVisible
      if !isWord {
        note(
          item.position, "rounds.mentions: \"\(item.text)\" is not a word",
          "write one word of ASCII characters, as in @aipm")
      }
    }
    policy.mentions = mentions.map(\.text)
    return policy
  }
}
