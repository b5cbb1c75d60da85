// A world outside that answers at once and refuses nothing, for tests and measurements of the
// engine alone: a forge and mirrors that remember nothing, since each answer follows from its call.

import Domain
import Engine
import ForgePort
import LogStories
import Workflows

/// What such a world answers.
package enum Instant {
  package static func answer(_ call: Call) -> Answer {
    switch call {
    case .monthCost: .monthCost(MonthCost())
    case .forge(let call): .forge(.success(reply(to: call)))
    case .git(let call): .git(.success(reply(to: call)))
    case .round: .round(.underWay)
    }
  }

  package static func reply(to call: ForgeCall) -> ForgeReply {
    switch call {
    case .repository(let name):
      .repository(
        ForgeRepository(
          defaultBranch: "main", cloneURL: "https://forge/\(name).git", archived: false,
          disabled: false, mayPush: true))
    case .branchHead: .head(Story.sha(1))
    case .branch: .head(nil)
    case .fileBlob: .blob(nil)
    case .tree: .tree([])
    case .createBranch, .comment, .addLabels, .requestReviewers, .reply: .created
    case .putFile(_, let file): .committed(sha("task", file.branch))
    case .compare: .commits([])
    case .openPullRequest(let name, let wanted): .pullRequest(pullRequest(wanted, in: name))
    case .pullRequests: .pullRequests([])
    case .pullRequest(let name, let number):
      .pullRequest(
        ForgePullRequest(
          number: number, url: "https://forge/\(name)/pull/\(number)", state: .open, body: "",
          headBranch: "", headSHA: Story.sha(1), baseBranch: "main"))
    case .comments: .comments([])
    case .deleteComment: .deleted
    case .account: .account("aipm")
    case .mayPush: .mayPush(true)
    case .feedback, .reviewComments: .feedback([])
    case .openPullRequests: .openPullRequests([], nil)
    case .checks: .checks([], nil)
    case .checkReport: .checkReport("")
    case .changedHead, .changedPullRequest: .unchanged
    case .issue(let issue):
      .issue(
        ForgeIssue(
          number: issue.number, url: "https://forge/\(issue.repository)/issues/\(issue.number)",
          title: "An issue", body: "", isOpen: true, isPullRequest: false))
    case .repositories: .repositories([], isComplete: true)
    }
  }

  private static func pullRequest(
    _ wanted: NewPullRequest, in name: RepositoryName
  ) -> ForgePullRequest {
    let number = 1 + Int(Jitter.draw(wanted.head) >> 33)
    return ForgePullRequest(
      number: number, url: "https://forge/\(name)/pull/\(number)", state: .open, body: wanted.body,
      headBranch: wanted.head, headSHA: sha("task", wanted.head), baseBranch: wanted.base)
  }

  package static func reply(to call: GitCall) -> GitReply {
    switch call {
    case .fetch(_, _, let base): .branch(GitBranch(head: base, commits: []))
    case .merge: .merged(nil)
    case .push: .pushed
    }
  }

  /// The same name for the same words.
  package static func sha(_ kind: String, _ words: String) -> ObjectID {
    func hex(_ text: String) -> String {
      let digits = String(Jitter.draw(text), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return ObjectID(hex(kind + words) + hex(words + kind) + "00000000")
  }

  /// What a worker reports of a generation that took no time.
  package static func generated(_ plan: WorkerPlan) -> Generated {
    Generated(
      attempt: plan.lease.attempt, token: plan.lease.token, sha: commit(plan.delegation),
      parent: plan.start.head, figures: Story.figures)
  }

  /// The commit that a worker makes for a delegation.
  package static func commit(_ id: DelegationID) -> ObjectID { sha("code", id.rawValue) }
}

/// The forge of such a world.
package struct InstantForge: ForgeClient {
  package init() {}
  package func perform(_ call: ForgeCall) async -> ForgeAnswer {
    .success(Instant.reply(to: call))
  }
}

/// The mirrors of such a world.
package struct InstantMirrors: RepositoryMirrors {
  package init() {}
  package func perform(_ call: GitCall) async -> GitAnswer { .success(Instant.reply(to: call)) }

  package func accept(_ handIn: HandIn, pack: String) async throws(HandInRefusal) {}

  package func figures(of handIn: HandIn) async throws(HandInRefusal) -> HandInFigures? {
    HandInFigures(filesChanged: 2, insertions: 30, deletions: 4)
  }

  package func patch(
    _ repository: RepositoryName, _ change: MirrorChange, limit: Int
  ) async throws(MirrorFault) -> [UInt8] { [] }

  package func file(
    _ path: String, _ side: ChangeSide, of change: MirrorChange, in repository: RepositoryName,
    limit: Int
  ) async throws(MirrorFault) -> ChangedFile { .absent }
}
