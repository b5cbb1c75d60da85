import Domain
import EventLog

/// A pull request, with the newest delegation that created or adopted it.
package struct PullRequestRow: FoldedRow {
  package var repository = ""
  package var number: Int64 = 0
  package var url = ""
  package var branch = ""
  package var state = PullRequestState.open
  package var delegation = DelegationID("")
  package var delegationStamp: Int64 = 0
  package var delegationState = DelegationStateName.requested

  package init() {}

  package static let view = View<PullRequestRow>(
    "pull-requests", version: 1,
    columns: [
      Column("repository", \.repository, .key),
      Column("number", \.number, .key),
      Column("url", \.url),
      Column("branch", \.branch),
      Column("state", \.state),
      Column("delegation", \.delegation),
      Column("delegationStamp", \.delegationStamp),
      Column("delegationState", \.delegationState),
    ],
    indexes: [.init("by_stamp", on: "delegation_stamp")],
    listing: [
      .init("PULL REQUEST") { "\($0.repository)#\($0.number)" },
      .init("STATE", \.state.rawValue),
      .init("BRANCH", \.branch),
      .init("DELEGATION", \.delegation.rawValue),
      .init("ITS STATE", \.delegationState.rawValue),
    ],
    order: { $0.delegationStamp < $1.delegationStamp })

  /// The key.
  package struct ID: Hashable, Sendable {
    package var repository: String
    package var number: Int64

    package init(repository: String, number: Int64) {
      self.repository = repository
      self.number = number
    }
  }

  package var id: ID { ID(repository: repository, number: number) }

  package init(id: ID) {
    repository = id.repository
    number = id.number
  }

  /// See `FoldedRow`.
  package static func id(of step: DelegationStep) -> ID? {
    guard step.changesState || step.changesPullRequest, let d = step.delegation,
      let pullRequest = d.pullRequest
    else { return nil }
    return ID(repository: d.sharedRequest.repository, number: Int64(pullRequest.number))
  }

  /// See `FoldedRow`.
  package mutating func fold(_ step: DelegationStep) {
    guard let d = step.delegation, let pullRequest = d.pullRequest, let name = step.state,
      d.sharedRequest.value.stamp.milliseconds >= delegationStamp
    else { return }
    url = pullRequest.url
    branch = d.sharedRequest.value.branch
    state = pullRequest.state
    delegation = d.id
    delegationStamp = d.sharedRequest.value.stamp.milliseconds
    delegationState = name
  }
}

extension DelegationStep {
  fileprivate var changesPullRequest: Bool {
    switch event {
    case .pullRequestCreated, .pullRequestUpdated: true
    case .requested, .branchCreated, .taskCommitted, .dispatched, .generating, .pushed, .failed,
      .baseResolved, .generated, .stepFailed, .released, .cancelRequested, .retryRequested,
      .actionDone, .networkUsed, .conversation:
      false
    }
  }
}
