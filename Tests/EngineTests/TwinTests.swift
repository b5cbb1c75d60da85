import Domain
import EventLog
import ForgePort
import InMemoryEventStore
import LogStories
import Randomness
import Testing
import Workflows

@testable import Engine

/// A comment that was sent before the look-up and arrives after it: one of the two goes away.
@Suite struct TwinTests {
  @Test("what the former process has sent is looked for once more, and the younger twin goes")
  func afterARestart() throws {
    let rig = try Rig()
    try rig.step(.wake)
    #expect(rig.count(.reviewComment) == 1 && rig.done.isEmpty)
    let first = try #require(rig.said.last)
    rig.say(.reviewComment, first.body, by: Rig.account)
    try rig.wait()
    #expect(rig.said.filter { $0.id.rawValue.hasPrefix("review-comment/") } == [first])
    // The summary became due in this process, so nobody else has begun it.
    #expect(rig.done == ["reply-7", "summary"])
    #expect(rig.count(.comment) == 1 && rig.looks == ["replies", "replies", "comments"])
  }

  @Test("after a lost answer, too") func afterALostAnswer() throws {
    let rig = try Rig()
    try rig.step(.wake)
    rig.faults = [.noAnswer]
    rig.faulty = { if case .comment = $0 { true } else { false } }
    try rig.wait()
    #expect(rig.done == ["reply-7"] && rig.count(.comment) == 0)
    // It is written again, and then the lost one arrives.
    try rig.wait()
    #expect(rig.done == ["reply-7"] && rig.count(.comment) == 1)
    rig.say(.comment, try #require(rig.said.last).body, by: Rig.account)
    try rig.wait()
    #expect(rig.done == ["reply-7", "summary"] && rig.count(.comment) == 1)
  }

  @Test("twins that the first look finds go as well, all but the oldest")
  func atTheFirstLook() throws {
    let before = try Rig()
    try before.step(.wake)
    let body = try #require(before.said.last).body
    let rig = try Rig()
    for _ in 1...3 { rig.say(.reviewComment, body, by: Rig.account) }
    let oldest = rig.said[0]
    try rig.step(.wake)
    try rig.wait()
    #expect(rig.said.filter { $0.id.rawValue.hasPrefix("review-comment/") } == [oldest])
    #expect(rig.done == ["reply-7", "summary"])
  }

  @Test("what another account wrote stays, and so does a quotation") func others() throws {
    let rig = try Rig()
    try rig.step(.wake)
    let body = try #require(rig.said.last).body
    rig.say(.reviewComment, body, by: "mallory")
    rig.say(.reviewComment, "> \(body)\nIs that so?", by: Rig.account)
    rig.say(.reviewComment, "\(body)\nIs that so?", by: Rig.account)
    rig.say(.reviewComment, body, by: Rig.account)
    let kept = rig.said.dropLast()
    try rig.wait()
    #expect(rig.said.filter { $0.id.rawValue.hasPrefix("review-comment/") } == Array(kept))
  }

  @Test("without an account or the right to delete, the twins stay and the notice is done")
  func refused() throws {
    for refusesAccount in [true, false] {
      let rig = try Rig()
      try rig.step(.wake)
      rig.say(.reviewComment, try #require(rig.said.last).body, by: Rig.account)
      rig.faults = [.forbidden]
      rig.faulty = { call in
        switch call {
        case .account: refusesAccount
        case .deleteComment: !refusesAccount
        case _: false
        }
      }
      try rig.wait()
      #expect(rig.count(.reviewComment) == 2 && rig.faults.isEmpty)
      #expect(rig.done == ["reply-7", "summary"])
    }
  }

  @Test("a removal that fails for a while is tried again") func unavailable() throws {
    let rig = try Rig()
    try rig.step(.wake)
    rig.say(.reviewComment, try #require(rig.said.last).body, by: Rig.account)
    rig.faults = [.unavailable]
    rig.faulty = { if case .deleteComment = $0 { true } else { false } }
    try rig.wait()
    #expect(rig.count(.reviewComment) == 2 && rig.done.isEmpty)
    // The retry, and its second look.
    for _ in 1...2 { try rig.wait() }
    #expect(rig.count(.reviewComment) == 1 && rig.done == ["reply-7", "summary"])
  }
}

/// A follow-up whose server ended when its commit was pushed. A reply in thread 7 and a summary
/// are due, and its executor is folded from the log.
private final class Rig {
  static let account = "aipm[bot]"

  private let store: InMemoryEventStore<Seeded>
  private let clock = HandClock()
  private var executor: Executor
  private var lastNumber = 0
  /// What is on the pull request, the oldest first.
  private(set) var said: [ForgeComment] = []
  /// The lists that were read.
  private(set) var looks: [String] = []
  /// The answers of the next calls that are `faulty`.
  var faults: [ForgeFault.Kind] = []
  var faulty: (ForgeCall) -> Bool = { _ in false }

  init() throws {
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    let clock = clock
    store = InMemoryEventStore(clock: { clock.now }, random: Seeded(1))
    var request = Story.request(
      1,
      kind: .followUp(
        FollowUp(pullRequest: 101, first: Story.id(0), follows: Story.id(0), threads: [7])))
    request.workflow.digest = workflow.digest
    request.notices = []
    _ = try store.appendNow(Story.append(Story.goodDay(1, request: request), to: 1))
    executor = Executor(
      id: Story.id(1), events: store.readNow(.delegation(Story.id(1))),
      workflows: [workflow.digest: workflow])
  }

  /// The markers of the notices that are recorded as done.
  var done: [String] {
    store.readNow(.delegation(Story.id(1))).compactMap { recorded in
      guard case .delegation(.actionDone(let event)) = recorded.event else { return nil }
      return event.failure == nil ? event.marker : nil
    }
  }

  func count(_ source: FeedbackSource) -> Int {
    said.filter { $0.id.rawValue.hasPrefix(FeedbackID(source, "").rawValue) }.count
  }

  func say(_ source: FeedbackSource, _ body: String, by author: String) {
    lastNumber += 1
    said.append(ForgeComment(id: FeedbackID(source, lastNumber), author: author, body: body))
  }

  /// Lets the time go by until the executor goes on by itself.
  func wait() throws {
    let wake = try #require(executor.wakeAt)
    clock.step((wake - clock.now).count)
    try step(.wake)
  }

  /// Gives the executor an input, and carries out what follows.
  func step(_ input: Executor.Input) throws {
    var inputs = [input]
    while !inputs.isEmpty {
      for action in executor.step(inputs.removeFirst(), now: clock.now) {
        switch action {
        case .append(let append): inputs.append(.recorded(try store.appendNow(append)))
        case .call(_, let ticket, let calls):
          inputs.append(.answered(ticket: ticket, calls.map(answer)))
        case .read, .reply, .progress, .startProcess, .planChanged: break
        }
      }
    }
  }

  private func answer(_ call: Call) -> Answer {
    guard case .forge(let call) = call else { return .round(.underWay) }
    if faulty(call), let kind = faults.first {
      faults.removeFirst()
      return .forge(.failure(ForgeFault(kind: kind, message: "made up")))
    }
    return .forge(.success(reply(to: call)))
  }

  private func reply(to call: ForgeCall) -> ForgeReply {
    switch call {
    case .comments:
      looks.append("comments")
      return .comments(said.filter { $0.id.rawValue.hasPrefix("comment/") })
    case .reviewComments:
      looks.append("replies")
      return .feedback(
        said.filter { $0.id.rawValue.hasPrefix("review-comment/") }.map {
          Feedback(
            id: $0.id, source: .reviewComment, author: $0.author, thread: 7,
            text: FeedbackText(body: $0.body))
        })
    case .comment(_, _, let body): say(.comment, body, by: Self.account)
    case .reply(_, _, _, let body): say(.reviewComment, body, by: Self.account)
    case .account: return .account(Self.account)
    case .deleteComment(_, let id):
      said.removeAll { $0.id == id }
      return .deleted
    case _: break
    }
    return .created
  }
}
