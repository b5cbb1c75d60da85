// Workflows as data.
//
// Purpose: a workflow defines how delegations are done: the texts of TASK.md, the prompt, the
// commit messages and the pull request, the agents and how they are called, time limits, attempts
// and retries, and limits of a change. It is a YAML file, so it can change without a build. The
// binary contains one, `personal-delegate`, and a folder may add or replace workflows.
//
// Guarantees:
// - A definition is validated completely when it is read. All faults of all files are reported at
//   once, each with file, line, problem and correction. Unknown keys are faults: a mistyped key
//   would otherwise be a limit that silently does not apply.
// - `source` is the complete definition and `digest` identifies it. A delegation keeps the
//   definition of its request: the log stores the source, and `Workflow(source:file:)` makes the
//   same workflow from it. So keys may be added here, but none may change its meaning or be
//   removed.
// - Templates insert the users' text verbatim. Values are never parsed as templates, and nothing is
//   escaped, because the results are plain text.
// - Code appends the trailers of commits and the marker `<!-- aipm: ID -->`, by which AIPM finds
//   its own objects. No template can lose them, and no title can forge them.
//
// Failures: parsing throws `WorkflowFaults`. Rendering cannot fail, because a template with an
// unknown variable is refused when it is parsed.

import Domain
import NetworkRules
import Screening

/// A valid workflow.
package struct Workflow: Sendable {
  /// The limits of one delegation, and of concurrent ones.
  package struct Limits: Equatable, Sendable {
    /// Concurrent generations in one repository; nil for no limit.
    package var perRepository: Int?
    /// Concurrent generations for one requester; nil for no limit. Without API tokens there is one
    /// requester, `local`, so this is a limit of the whole server.
    package var perRequester: Int?
    /// The maximum size of an agent's stored output, in bytes.
    package var outputBytesMax: Int
    /// The maximum size of a generated change: the bytes of all blobs that it adds.
    package var changedBytesMax: Int
    /// The maximum number of files in a generated change.
    package var changedFilesMax: Int
    /// The maximum disk usage of an attempt, including its checkout, in bytes.
    package var diskBytesMax: Int
    /// The maximum number of processes of an agent.
    package var processesMax: Int
    /// The maximum memory of an agent with all its processes, in bytes; nil for no limit.
    package var memoryBytesMax: Int?

    /// The largest valid `changedBytesMax`.
    package static let changedBytesLargest = 1 << 30

    /// The maximum size of the pack of a change of `changedBytesMax`: incompressible blobs grow a
    /// little, and the pack contains their trees too.
    package static func packBytesMax(changed: Int) -> Int { changed + changed / 8 + (16 << 20) }
  }

  package let name: String
  /// One line for people.
  package let description: String
  /// The complete definition, as in the log: the file, or the merged text of one with `extends`.
  package let source: String
  /// SHA-256 over the bytes of `source`, in hex.
  package let digest: String

  /// Names of agents by preference; the first installed one is used.
  package var agentPreference: [String]
  /// What follows if an agent meets its provider's limit.
  package var whenLimited: WhenLimited
  /// All agents by name, including the built-in `demo`.
  package let agents: [String: AgentProfile]
  /// The number of generations before an agent's failure is final.
  package let attempts: Int
  /// The time limit of one generation.
  package let agentTimeout: Milliseconds
  /// An agent that prints nothing for longer is ended; nil: a stall is only shown.
  package let stallTimeout: Milliseconds?
  /// For the steps on the forge.
  package let retry: RetryPolicy
  /// Whether pull requests are drafts if the request does not say.
  package let draft: Bool
  /// The base branch if the request does not say; nil for the repository's default branch.
  package let baseBranch: String?
  package let limits: Limits
  /// What its delegations may cost.
  package var budget: Budget
  /// Paths that a generated change may not touch; a trailing `/` includes everything below.
  package let refusedPaths: [String]
  /// The network access of every agent, in addition to its profile's.
  package let network: NetworkPolicy

  /// Texts in a generated change that look like credentials and are allowed.
  package let secretExemptions: SecretExemptions

  /// The commands before and after an agent.
  package let commands: CommandRules

  /// The path of the task's file, and whether it is restored.
  package let taskFileRule: TaskFileRule

  /// Which feedback on the pull request leads to a round.
  package var rounds: RoundPolicy

  /// How long an agent's conversation is kept for the next round; 0 for not at all.
  package let keepSession: Milliseconds

  /// The texts of notifications to people.
  package let notifications: NotificationTexts

  let templates: WorkflowTemplates
  let rules: [NoticeMoment: NoticeRule]

  /// The network access of an agent of this workflow.
  package func network(of agent: AgentProfile) -> NetworkPolicy {
    network.union(agent.sandbox.network)
  }
}
