// Workflows as data.
//
// A workflow says on what terms a delegation is worked on: what TASK.md, the prompt, the commit
// messages and the pull request say, which agents there are and how each is called, how long and
// how often things are tried, what a change may not touch. All of that is a YAML file, so that it
// changes without a build; the binary carries one, `personal-delegate`, and a folder may add more
// or replace it.
//
// What this module promises:
// - A definition is checked whole when it is read. All faults of all files are told at once, each
//   with file, line, what is wrong and what to write instead. Nothing unknown is passed over: a
//   mistyped key would otherwise be a limit that silently does not hold.
// - `source` is the whole definition and `digest` names it. A delegation stays with the definition
//   that it was requested under: the log keeps the source, and `Workflow(source:file:)` makes the
//   same workflow of it again, so keys may be added here but none may change its meaning or go.
// - The users' words stand verbatim in what templates make. Values are never read as templates, and
//   nothing is escaped, for the results are text.
// - What AIPM itself must find again, the trailers of its commits and the marker
//   `<!-- aipm: ID -->`, is appended by code. No template can lose it, and no title can forge it.
//
// How it fails: reading throws `WorkflowFaults`; rendering cannot fail, since a template that names
// an unknown variable was refused when it was read.

import Cryptography
import Domain
import NetworkRules
import Screening

/// A checked workflow definition.
package struct Workflow: Sendable {
  /// What limits one delegation, and how many run side by side.
  package struct Limits: Equatable, Sendable {
    /// Generations at once in one repository; nil: no limit.
    package var perRepository: Int?
    /// Generations at once for one requester; nil: no limit. Without API tokens there is one
    /// requester, `local`, and this is a limit of the whole server.
    package var perRequester: Int?
    /// How much of an agent's output is kept, in bytes.
    package var outputBytesMax: Int
    /// How large a generated change may be: the bytes of all blobs that it adds.
    package var changedBytesMax: Int
    /// How many files a generated change may touch.
    package var changedFilesMax: Int
    /// What an attempt's files may take on disk, its checkout included, in bytes.
    package var diskBytesMax: Int
    /// How many processes an agent may have at once.
    package var processesMax: Int
    /// The most memory that an agent with all its processes may have, in bytes; nil: no limit.
    package var memoryBytesMax: Int?

    /// The most that a workflow may allow as `changedBytesMax`.
    package static let changedBytesLargest = 1 << 30

    /// How large the pack of a change of `changedBytesMax` can be at most: blobs that do not
    /// compress grow a little, and the trees above them come with them.
    package static func packBytesMax(changed: Int) -> Int { changed + changed / 8 + (16 << 20) }
  }

  package let name: String
  /// One line for people.
  package let description: String
  /// The whole definition, as it goes into the log: the file, or what came out of one with
  /// `extends`.
  package let source: String
  /// SHA-256 over the bytes of `source`, in hex.
  package let digest: String

  /// Names of agents, the first choice first; the first one that is installed is taken.
  package let agentPreference: [String]
  /// Every agent by its name, the built-in `demo` included.
  package let agents: [String: AgentProfile]
  /// How many generations an agent that fails gets.
  package let attempts: Int
  /// The limit of one generation.
  package let agentTimeout: Milliseconds
  /// An agent that is silent for longer is ended; nil: a stall is shown, and no more.
  package let stallTimeout: Milliseconds?
  /// For the steps on the forge.
  package let retry: RetryPolicy
  /// Whether pull requests are opened as drafts where the request does not say.
  package let draft: Bool
  /// What branches start from where the request does not say; nil: the repository's default branch.
  package let baseBranch: String?
  package let limits: Limits
  /// Paths that a generated change may not touch; one that ends in `/` means all below it.
  package let refusedPaths: [String]
  /// What every agent of this workflow may reach, besides what its profile names.
  package let network: NetworkPolicy

  /// What looks like a credential in a generated change and is none.
  package let secretExemptions: SecretExemptions

  /// What runs before an agent and after it.
  package let commands: CommandRules

  /// Where the task's file stands, and what becomes of it.
  package let taskFileRule: TaskFileRule

  let templates: WorkflowTemplates
  let rules: [NoticeMoment: NoticeRule]

  /// Reads and checks a definition.
  /// - Parameters:
  ///   - source: YAML; whole, without `extends`.
  ///   - file: how faults name it.
  package init(source: String, file: String) throws(WorkflowFaults) {
    self.init(try WorkflowDefinition.read(source: source, file: file), source: source)
  }

  /// - Parameter source: what `definition` was read from.
  init(_ definition: WorkflowDefinition, source: String) {
    self.source = source
    digest = Self.digest(of: source)
    name = definition.name
    description = definition.description
    agentPreference = definition.agentPreference
    agents = definition.agents
    attempts = definition.attempts
    agentTimeout = definition.agentTimeout
    stallTimeout = definition.stallTimeout
    retry = definition.retry
    draft = definition.draft
    baseBranch = definition.baseBranch
    limits = definition.limits
    refusedPaths = definition.refusedPaths
    network = definition.network
    secretExemptions = definition.secretExemptions
    templates = definition.templates
    rules = definition.notices
    commands = definition.commands
    taskFileRule = definition.taskFileRule
  }

  /// What an agent of this workflow may reach.
  package func network(of agent: AgentProfile) -> NetworkPolicy {
    network.union(agent.sandbox.network)
  }

  private static func digest(of source: String) -> String {
    SHA256.hex(source.utf8)
  }

  /// The first of `agentPreference` that can be used here.
  /// - Parameter isInstalled: whether a profile's program is there; asked in the order of choice.
  package func preferredAgent(where isInstalled: (AgentProfile) -> Bool) -> AgentProfile? {
    for name in agentPreference {
      if let profile = agents[name], isInstalled(profile) { return profile }
    }
    return nil
  }

  /// Whether a generated change may not touch a path.
  /// - Parameter path: relative to the repository, with `/` between its parts.
  package func refuses(path: String) -> Bool {
    PathRules(refusedPaths).cover(path.utf8)
  }
}
