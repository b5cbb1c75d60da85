import Domain
import ForgePort
import Workflows

/// Writes a notice of the workflow to the pull request: a comment, labels, reviewers.
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
    rule = context.texts.workflow.notice(notice.moment)
    teams = context.capabilities.teamReviewers ? rule.teamReviewers : []
  }

  mutating func start() -> EffectStep {
    comment == nil ? addLabels() : ask(.lookUp, .comments(context.repository, number: number))
  }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    let reply: ForgeReply
    switch answers.only.forge {
    case .success(let given): reply = given
    case .failure(let fault): return .done(.fault(StepFault(.act, fault)))
    }
    switch part {
    case .lookUp:
      guard case .comments(let found) = reply, let comment else {
        return .done(.fault(.unexpected(.act)))
      }
      if found.contains(where: { $0.contains(comment.marker) }) { return addLabels() }
      return ask(
        .comment, .comment(context.repository, number: number, body: comment.text))
    case .comment: return addLabels()
    case .labels: return requestReviewers()
    case .reviewers: return done
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
