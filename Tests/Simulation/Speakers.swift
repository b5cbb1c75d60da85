import Domain
import Engine
import EventLog
import ForgePort
import Workflows

/// What people say about pull requests, and how the server hears of it: by webhooks that are lost,
/// doubled and shuffled, and by a poll.
extension World {
  private static let pollMs: Int64 = 7000

  /// Somebody comments, edits, deletes, or asks in AIPM.
  func someoneSpeaks() {
    guard let id = judge.submitted.randomElement(using: &random),
      let d = judge.state(of: id)?.delegation, let number = d.pullRequest?.number
    else { return }
    let place = MadeUpForge.Discussed(repository: d.request.repository, number: number)
    switch random.draw(0...12) {
    case 0...6: comment(on: place)
    case 7: if random.chance(0.3) { comment(on: place, by: Self.parrot) }
    case 12: if random.chance(0.3) { forge.red.insert(place) }
    case 8: forge.edit(place, random.draw(0...5))
    case 9: forge.deleteComment(place, random.draw(0...5))
    default: askForChanges(on: id)
    }
  }

  private func comment(on place: MadeUpForge.Discussed) {
    report.said += 1
    let key = report.said
    let isComment = random.chance(0.3)
    let source: FeedbackSource = isComment ? .comment : .reviewComment
    let speaker = random.draw(0...9)
    let words = isComment && random.chance(0.5) ? "Nice." : "@aipm rename it"
    let said = Feedback(
      id: FeedbackID(source, key), source: source,
      author: speaker == 0 ? MadeUpForge.stranger : speaker == 1 ? "robot[bot]" : "ann",
      isByBot: speaker == 1, thread: isComment ? nil : Int64(key),
      text: FeedbackText(body: words, path: isComment ? nil : "a.js"))
    say(said, on: place)
  }

  /// A program comments on a line.
  /// - Parameter thread: nil for a new one.
  func comment(on place: MadeUpForge.Discussed, by program: String, in thread: Int64? = nil) {
    report.said += 1
    let key = report.said
    say(
      Feedback(
        id: FeedbackID(.reviewComment, key), source: .reviewComment, author: program,
        isByBot: true, thread: thread ?? Int64(key),
        text: FeedbackText(body: "And now?", path: "a.js")), on: place)
  }

  private func say(_ said: Feedback, on place: MadeUpForge.Discussed) {
    forge.feedback[place, default: []].append(said)
    if isTroubled, random.chance(0.3) { return }
    for _ in 0..<(random.chance(0.3) ? 2 : 1) {
      after(random.draw(10...10_000)) { world in
        world.atService { $0.hear([said], on: place) }
      }
    }
  }

  /// What the server's route and its poll do with feedback.
  private func hear(_ said: [Feedback], on place: MadeUpForge.Discussed) {
    guard let first = judge.first(of: place) else { return }
    let heard = said.compactMap { said in
      workflow.rounds.verdict(on: said).map { HeardFeedback(said, $0) }
    }
    guard !heard.isEmpty else { return }
    let command = DelegationCommand.conversation(.hear(heard))
    ask({ .delegation(first, .command(command, Actor(kind: .forge, name: "hook"), $0)) })
  }

  private func askForChanges(on first: DelegationID) {
    report.said += 1
    let round = DelegationID("asked-\(report.said)")
    let request = FollowUpRequest(
      delegation: round,
      feedback: [
        Feedback(
          id: FeedbackID(.ask, "\(round)/1"), source: .ask, author: "bob",
          text: FeedbackText(body: "Use a table."))
      ], requester: "bob", agent: nil, mayQueue: random.chance(0.5), key: nil)
    let user = Actor(kind: .user, name: "bob")
    atService { world in
      world.ask({ .delegation(first, .command(.conversation(.ask(request)), user, $0)) }) {
        if case .done? = $1 { $0.requestRound(round, of: first) }
      }
    }
  }

  /// Reads the forge from time to time, until the end.
  func poll() {
    programsAct()
    for one in servers where one.isUp && !one.isFrozen && !isCutFromForge(one) {
      inProcess(of: one, one.life) { $0.readForge() }
    }
    after(Self.pollMs) { $0.poll() }
  }

  private func readForge() {
    for place in forge.feedback.keys.sorted(by: <) {
      hear(forge.feedback[place] ?? [], on: place)
    }
    for place in forge.openPlaces {
      if let said = forge.baseFeedback(on: place) { hear([said], on: place) }
      hear(checks(on: place), on: place)
    }
    for (place, state) in forge.ended {
      for id in judge.delegations(of: place) {
        let command = DelegationCommand.updatePullRequest(state)
        ask({ .delegation(id, .command(command, Actor(kind: .forge, name: "poll"), $0)) })
      }
    }
  }

  /// Whether the server knows all that was said and which pull requests have ended.
  var isAllHeard: Bool {
    for (place, said) in forge.feedback {
      guard let first = judge.first(of: place),
        let conversation = judge.state(of: first)?.delegation?.conversation
      else { continue }
      for item in said where workflow.rounds.verdict(on: item) != nil {
        if !conversation.recorded.contains(item.id) { return false }
      }
    }
    for place in forge.openPlaces {
      guard let first = judge.first(of: place), let state = judge.state(of: first),
        let said = forge.baseFeedback(on: place), workflow.rounds.verdict(on: said) != nil
      else { continue }
      if case .failed(_, let failure) = state, failure.code == .cancelled { continue }
      if state.delegation?.conversation.recorded.contains(said.id) != true { return false }
    }
    return forge.ended.allSatisfy { place, state in
      judge.first(of: place).map {
        judge.state(of: $0)?.delegation?.pullRequest?.state == state
      } ?? true
    }
  }

  // MARK: Checks

  /// Each thread that a round took has one reply, and each round one summary.
  func checkAnswers() {
    let markers = forge.markers
    for (marker, count) in markers where count > 1 && !forge.late.contains(marker) {
      fail("\(count) answers with the marker \(marker)")
    }
    for id in judge.delegations {
      guard case .pushed(let d, _)? = judge.state(of: id),
        case .followUp(let followUp) = d.request.kind
      else { continue }
      let place = MadeUpForge.Discussed(
        repository: d.request.repository, number: followUp.pullRequest)
      let present = Set((forge.feedback[place] ?? []).compactMap(\.thread))
      for thread in followUp.threads where present.contains(thread) {
        let notice = Notice(.reply(thread: thread), marker: "reply-\(thread)")
        let marker = DelegationMarker.opening + "\(id) \(notice.marker) "
        if !markers.keys.contains(where: { $0.hasPrefix(marker) }),
          !judge.isGivenUp(id, notice.marker)
        {
          fail("\(id) has not answered thread \(thread)")
        }
      }
    }
  }
}

extension MadeUpForge.Discussed: Comparable {
  static func < (a: Self, b: Self) -> Bool {
    (a.repository.description, a.number) < (b.repository.description, b.number)
  }
}

extension MadeUpForge {
  /// An account that may not push.
  static let stranger = "mallory"
  /// AIPM's account.
  static let principal = "aipm"

  /// Somebody edits a comment after it was written.
  mutating func edit(_ place: Discussed, _ index: Int64) {
    guard let chosen = comment(index, in: place) else { return }
    feedback[place]?[chosen].text?.body += " (edited)"
  }

  mutating func deleteComment(_ place: Discussed, _ index: Int64) {
    guard let chosen = comment(index, in: place) else { return }
    feedback[place]?.remove(at: chosen)
  }

  /// A comment that a person wrote; nil if there is no such comment.
  private func comment(_ number: Int64, in place: Discussed) -> Int? {
    let all = feedback[place] ?? []
    let own = all.indices.filter { all[$0].author != Self.principal }
    return own.isEmpty ? nil : own[Int(number) % own.count]
  }

  /// The pull requests that were merged or closed.
  var ended: [(Discussed, PullRequestState)] {
    repositories.flatMap { name, repository in
      repository.pullRequests.filter { $0.state != .open }.map {
        (Discussed(repository: name, number: $0.number), $0.state)
      }
    }.sorted { $0.0 < $1.0 }
  }

  /// The pull requests that are open.
  var openPlaces: [Discussed] {
    repositories.flatMap { name, repository in
      repository.pullRequests.filter { $0.state == .open }.map {
        Discussed(repository: name, number: $0.number)
      }
    }.sorted()
  }

  func isOpen(_ place: Discussed) -> Bool {
    repositories[place.repository]?.pullRequests.contains {
      $0.number == place.number && $0.state == .open
    } ?? false
  }

  /// How often each marker of AIPM stands on a pull request.
  var markers: [String: Int] {
    var counts: [String: Int] = [:]
    let texts =
      comments.values.flatMap { $0.map(\.body) }
      + feedback.values.flatMap { $0 }.compactMap(\.text?.body)
    for text in texts {
      guard let marker = Self.marker(in: text) else { continue }
      counts[marker, default: 0] += 1
    }
    return counts
  }

  /// The last line of a text that AIPM wrote.
  static func marker(in text: String) -> String? {
    text.split(separator: "\n").last { $0.hasPrefix(DelegationMarker.opening) }.map(String.init)
  }
}
