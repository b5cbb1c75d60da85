import Domain
import ForgePort
import Workflows

/// Writes a notice to the pull request: a comment or a reply in a thread, labels, reviewers.
///
/// Identity of the comment: the marker in its text, which is looked up before the comment is
/// written. Labels and reviewers are sets: adding existing ones changes nothing, so they are not
/// looked up.
///
/// No forge refuses a comment because it is there already, so a call that was sent before the
/// look-up and arrives after it makes a twin. Such a call exists only if another process, or a try
/// whose answer was lost, may have begun the notice (`mayHaveBegun`). Then the effect looks again
/// after `lateness`, before it is recorded as done. Whenever it finds twins, the oldest stays.
///
/// A twin has the marker as its last line and was written by AIPM's own account, as the forge says.
/// Others can copy a marker, but not the account. If the forge does not tell its account, or
/// refuses to delete, the twins stay.
///
/// Limit: a call that arrives later than the second look leaves a twin, since nothing looks at a
/// notice that is done.
struct Act: Effect {
  private enum Part { case lookUp, comment, pause, lookAgain, account, removal, labels, reviewers }

  /// How much later than the first look the second one is. A process that has died sends nothing
  /// more, and forges carry a comment out within a moment, so what remains is the way of the call.
  static let lateness = Milliseconds.seconds(5)

  let context: EffectContext
  let notice: Notice
  let number: Int
  private let comment: (text: String, marker: String)?
  private let rule: NoticeRule
  private let teams: [String]
  private let mayHaveBegun: Bool
  /// The comments with the marker, the oldest first.
  private var marked: [ForgeComment] = []
  private var part = Part.lookUp

  /// - Parameter mayHaveBegun: whether a call of an earlier try may still arrive.
  init(context: EffectContext, notice: Notice, number: Int, mayHaveBegun: Bool) {
    self.context = context
    self.notice = notice
    self.number = number
    self.mayHaveBegun = mayHaveBegun
    comment = context.texts.comment(notice)
    rule = context.texts.workflow.rule(of: notice)
    teams = context.capabilities.teamReviewers ? rule.teamReviewers : []
  }

  mutating func start() -> EffectStep { comment == nil ? addLabels() : look(.lookUp) }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    switch part {
    case .pause: return look(.lookAgain)
    case .account: return remove(answers.only.forge)
    case .removal: return removed(answers)
    case .lookUp, .comment, .lookAgain, .labels, .reviewers: break
    }
    let reply: ForgeReply
    switch answers.only.forge {
    case .success(let given): reply = given
    case .failure(let fault): return .done(.fault(StepFault(.act, fault)))
    }
    switch part {
    case .lookUp:
      guard let comment, let found = comments(reply) else {
        return .done(.fault(.unexpected(.act)))
      }
      marked = found.filter { $0.body.contains(comment.marker) }
      return marked.isEmpty ? write(comment.text) : awaitLate()
    case .lookAgain:
      guard let comment, let found = comments(reply) else {
        return .done(.fault(.unexpected(.act)))
      }
      marked = found.filter { $0.body.contains(comment.marker) }
      return findTwins()
    case .comment: return awaitLate()
    case .labels: return requestReviewers()
    case .reviewers, .pause, .account, .removal: return done
    }
  }

  /// The first comment of the thread to reply in; nil for a comment on the pull request.
  private var thread: Int64? {
    if case .reply(let thread) = notice.subject { thread } else { nil }
  }

  /// The comments among which the marker is looked up; nil if the reply is of another kind.
  private func comments(_ reply: ForgeReply) -> [ForgeComment]? {
    switch reply {
    case .comments(let comments) where thread == nil: comments
    case .feedback(let said) where thread != nil:
      said.compactMap { said in
        said.text.map { ForgeComment(id: said.id, author: said.author, body: $0.body) }
      }
    case _: nil
    }
  }

  private var done: EffectStep { .done(.record(.recordAction(marker: notice.marker))) }

  private mutating func ask(_ part: Part, _ call: ForgeCall) -> EffectStep {
    self.part = part
    return .calls([.forge(call)])
  }

  private mutating func look(_ part: Part) -> EffectStep {
    ask(
      part,
      thread == nil
        ? .comments(context.repository, number: number)
        : .reviewComments(context.repository, number: number))
  }

  private mutating func write(_ text: String) -> EffectStep {
    guard let thread else {
      return ask(.comment, .comment(context.repository, number: number, body: text))
    }
    return ask(.comment, .reply(context.repository, number: number, thread: thread, body: text))
  }

  // MARK: Twins

  private mutating func awaitLate() -> EffectStep {
    guard mayHaveBegun else { return findTwins() }
    part = .pause
    return .pause(Self.lateness)
  }

  private mutating func findTwins() -> EffectStep {
    guard let marker = comment?.marker else { return addLabels() }
    marked.removeAll { !$0.body.ends(withLine: marker) }
    // One alone has no twin.
    return marked.count < 2 ? addLabels() : ask(.account, .account)
  }

  private mutating func remove(_ answer: ForgeAnswer) -> EffectStep {
    let account: String
    switch answer {
    case .success(.account(let name)): account = name
    case .success: return .done(.fault(.unexpected(.act)))
    case .failure(let fault): return passing(fault)
    }
    let twins = marked.filter { $0.author == account }.dropFirst()
    if twins.isEmpty { return addLabels() }
    part = .removal
    return .calls(twins.map { .forge(.deleteComment(context.repository, id: $0.id)) })
  }

  private mutating func removed(_ answers: [Answer]) -> EffectStep {
    for answer in answers {
      if case .failure(let fault) = answer.forge, StepFault(.act, fault).isTransient {
        return passing(fault)
      }
    }
    return addLabels()
  }

  /// Tries again later, or goes on with the twins if that would not help: the notice was written.
  private mutating func passing(_ fault: ForgeFault) -> EffectStep {
    let fault = StepFault(.act, fault)
    return fault.isTransient ? .done(.fault(fault)) : addLabels()
  }

  // MARK: Labels and reviewers

  private mutating func addLabels() -> EffectStep {
    if rule.labels.isEmpty { return requestReviewers() }
    return ask(
      .labels, .addLabels(context.repository, number: number, labels: rule.labels))
  }

  private mutating func requestReviewers() -> EffectStep {
    if rule.reviewers.isEmpty, teams.isEmpty { return done }
    return ask(
      .reviewers,
      .requestReviewers(
        context.repository, number: number, users: rule.reviewers, teams: teams))
  }
}

extension StepFault {
  fileprivate var isTransient: Bool { if case .transient = kind { true } else { false } }
}

extension String {
  /// Whether its last line that is not empty is `line`.
  fileprivate func ends(withLine line: String) -> Bool {
    split(whereSeparator: \.isNewline).last { !$0.allSatisfy(\.isWhitespace) } == line[...]
  }
}
