import Domain
import ForgePort
import Workflows

/// Writes a notice to the pull request: a comment or a reply in a thread, labels, reviewers.
///
/// Identity of the comment: the marker in its text, which is looked up before the comment is
/// written. Labels and reviewers are sets: adding existing ones changes nothing, so they are not
/// looked up.
struct Act: Effect {
  private enum Part { case lookUp, comment, labels, reviewers }

  let context: EffectContext
  let notice: Notice
  let number: Int
  private let comment: (text: String, marker: String)?
  private let rule: NoticeRule
  private let teams: [String]
  private var part = Part.lookUp

  init(context: EffectContext, notice: Notice, number: Int) {
    self.context = context
    self.notice = notice
    self.number = number
    comment = context.texts.comment(notice)
    rule = context.texts.workflow.rule(of: notice)
    teams = context.capabilities.teamReviewers ? rule.teamReviewers : []
  }

  mutating func start() -> EffectStep {
    if comment == nil { return addLabels() }
    if thread == nil { return ask(.lookUp, .comments(context.repository, number: number)) }
    return ask(.lookUp, .reviewComments(context.repository, number: number))
  }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    let reply: ForgeReply
    switch answers.only.forge {
    case .success(let given): reply = given
    case .failure(let fault): return .done(.fault(StepFault(.act, fault)))
    }
    switch part {
    case .lookUp:
      guard let comment, let found = bodies(reply) else {
        return .done(.fault(.unexpected(.act)))
      }
      if found.contains(where: { $0.contains(comment.marker) }) { return addLabels() }
      guard let thread else {
        return ask(
          .comment, .comment(context.repository, number: number, body: comment.text))
      }
      return ask(
        .comment,
        .reply(context.repository, number: number, thread: thread, body: comment.text))
    case .comment: return addLabels()
    case .labels: return requestReviewers()
    case .reviewers: return done
    }
  }

  /// The first comment of the thread to reply in; nil for a comment on the pull request.
  private var thread: Int64? {
    if case .reply(let thread) = notice.subject { thread } else { nil }
  }

  /// The texts among which the marker is looked up; nil if the reply is of another kind.
  private func bodies(_ reply: ForgeReply) -> [String]? {
    switch reply {
    case .comments(let comments) where thread == nil: comments.map(\.body)
    case .feedback(let comments) where thread != nil: comments.compactMap(\.text?.body)
    case _: nil
    }
  }

  private var done: EffectStep { .done(.record(.recordAction(marker: notice.marker))) }

  private mutating func ask(_ part: Part, _ call: ForgeCall) -> EffectStep {
    self.part = part
    return .calls([.forge(call)])
  }

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
