// The worker protocol, version 2, between a worker process and the server: HTTP with JSON.
//
// It is a control loop, not a queue of messages. The server sends what a worker *should* be doing
// (`Desired`, with a revision). The worker does it and reports the result. A lost or duplicate
// message is harmless: the next poll says the same again. A worker's report carries the fencing
// token of its lease. The server compares the token in the append, so a report under an old token
// is refused with 409 and changes nothing.
//
// | route, under /worker/v1 | body → answer |
// | --- | --- |
// | POST /agents | `AgentsAsked` → `AgentInquiries`: which agents to look for |
// | POST /register | `Registration` → `Registered` |
// | POST /desired | `DesiredPoll` → `Desired`; waits for a revision past the one named |
// | POST /heartbeat | `Heartbeat` → 204 |
// | POST /ends | `EndsAsked` → `PullRequestEnds`: the pull requests that have ended |
// | POST /fetch | `FetchRequest` → a thin pack, streamed |
// | POST /tags | `TagsRequest` → the digest of the list of tags, LF, the list if it is new |
// | POST /generating | `GeneratingReport` → 204 |
// | POST /output?delegation=&attempt=&token=&offset= | raw bytes → `OutputAnswer` |
// | POST /records?delegation=&attempt=&token=&offset= | the same, of the output's records |
// | PUT /pack?delegation=&attempt=&token=&commit= | a thin pack → 204; usage may follow |
// | PUT /patch?delegation=&attempt=&token= | what an agent had made at its limit → 204 |
// | POST /result | `ResultReport` → 204 |
// | POST /leaving | `Leaving` → 204: this life ends in good order |
//
// Local workers connect over a unix socket in the data folder, remote ones over TCP. On both, each
// request and each response is proven (Proof.swift): no token is sent, and a worker ignores an
// unproven response. A token is valid for one worker, and only for the leases of this worker.
//
// Errors are `application/problem+json`:
// - 401: the token is unknown; with `code` `revoked`, the token is no longer valid; with `code`
//   `stale`, the request's time is too far from the server's, which the proof of the response
//   contains;
// - 403: the token is another worker's;
// - 409 with `code` `superseded` or `cancelled`: drop the attempt;
// - 410: this incarnation of the worker is unknown: register;
// - 422 with `code` `refused`: the change breaks a rule, the attempt is over;
// - 424: the server has not received the pack: send it before the result;
// - 503: keep the data and try again.
//
// A checkout is one thin pack: the commits of the lease's head that the worker does not list. It is
// not a `git fetch`, because git would trust any server. The worker keeps the pack only if it
// completes the commit that the proven order named.
//
// A hand-in is one thin pack and one result. It is not a `git push`: the server names the ref by
// the lease, so a worker cannot name another one.

import Domain
import Workflows

/// The unix socket of local workers.
package enum WorkerSocketName {
  /// The socket's name in its folder.
  package static let server = "server.sock"
}

/// The attempt of a report, and the token that permits the report.
package struct LeaseReference: Codable, Hashable, Sendable {
  package var delegation: String
  package var attempt: Int
  /// `FencingToken.packed`
  package var token: Int64
  package init(delegation: String, attempt: Int, token: Int64) {
    self.delegation = delegation
    self.attempt = attempt
    self.token = token
  }
}

/// An attempt that a worker still has from its last incarnation.
package struct JournalEntry: Codable, Equatable, Sendable {
  package var lease: LeaseReference
  /// The commit that was made and not yet accepted; nil if the agent had not ended.
  package var commit: String?
  /// The usage that the agent had reported; nil if it is unknown.
  package var used: AgentUsage?
  package init(lease: LeaseReference, commit: String?, used: AgentUsage = AgentUsage()) {
    self.lease = lease
    self.commit = commit
    self.used = used.isEmpty ? nil : used
  }
}

/// A worker's first call.
package struct Registration: Codable, Equatable, Sendable {
  package var worker: String
  package var host: String
  package var version: String
  /// The agents that are ready on this machine, by the names of their profiles.
  package var agents: [String]
  /// The result of looking for each agent; nil if the worker did not look.
  package var findings: [AgentFinding]?
  /// True if the server started this process. The server ignores it: it goes by the token.
  package var local: Bool
  package var journal: [JournalEntry]
  package init(
    worker: String, host: String, version: String, agents: [String],
    findings: [AgentFinding]? = nil, local: Bool, journal: [JournalEntry]
  ) {
    self.worker = worker
    self.host = host
    self.version = version
    self.agents = agents
    self.findings = findings
    self.local = local
    self.journal = journal
  }
}

/// The response to a registration.
package struct Registered: Codable, Equatable, Sendable {
  /// The number of this registration of the worker; each call carries it.
  package var incarnation: Int
  package var heartbeatMs: Int64
  /// Entries of the journal to drop. The others return as the assignment, with a new token.
  package var discard: [LeaseReference]
  package init(incarnation: Int, heartbeatMs: Int64, discard: [LeaseReference]) {
    self.incarnation = incarnation
    self.heartbeatMs = heartbeatMs
    self.discard = discard
  }
}

/// Requests what the worker should be doing.
package struct DesiredPoll: Codable, Equatable, Sendable {
  package var worker: String
  package var incarnation: Int
  /// The last received revision; 0 at first.
  package var revision: Int64
  /// How long the server may wait for a newer one; at most 25 s.
  package var waitMs: Int64
  package init(worker: String, incarnation: Int, revision: Int64, waitMs: Int64) {
    self.worker = worker
    self.incarnation = incarnation
    self.revision = revision
    self.waitMs = waitMs
  }
}

/// What a worker should be doing.
package struct Desired: Codable, Equatable, Sendable {
  package var revision: Int64
  /// nil: nothing; a running attempt must be ended and dropped.
  package var assignment: Assignment?
  /// End the assignment's agent, then report it as stopped.
  package var cancel: Bool
  /// Finish the assignment, then exit.
  package var drain: Bool
  package init(revision: Int64, assignment: Assignment?, cancel: Bool, drain: Bool) {
    self.revision = revision
    self.assignment = assignment
    self.cancel = cancel
    self.drain = drain
  }
}

/// One attempt at one delegation.
package struct Assignment: Codable, Equatable, Sendable {
  package var lease: LeaseReference
  /// `OWNER/REPO`
  package var repository: String
  package var branch: String
  /// The commit to start from, and to check out.
  package var head: String
  /// The parents of the commit, if that starts from a merge and completes it; nil: the head alone.
  package var parents: [String]?
  package var prompt: String
  /// The whole message of the commit, with its trailers.
  package var commitMessage: String
  package var agent: AgentCall
  package var timeoutMs: Int64
  /// The agent is ended if it writes nothing for this long; nil: never.
  package var stallMs: Int64?
  /// Output beyond this many bytes is counted and dropped.
  package var outputBytesMax: Int
  /// The commands before and after the agent; nil: none.
  package var commands: CommandPlan?
  /// The largest change; nil: only the server checks it.
  package var change: ChangeLimits?
  /// The file of the task that the commit restores; nil: the agent's version stays.
  package var taskFile: RestoredFile?
  /// The branch that this one was made from, and its commit then; nil: unknown.
  package var base: BaseBranch?
  /// What the attempt may cost, in millionths of a US dollar: the agent is ended if it reports
  /// more. nil: no limit.
  package var costMax: Int64?
  /// Author and committer of the commit, as `NAME <ADDRESS>`; nil: AIPM's name.
  package var author: String?
  /// nil: every conversation is new, and none is kept.
  package var session: SessionOrder?
  package init(
    lease: LeaseReference, repository: String, branch: String, head: String, prompt: String,
    commitMessage: String, agent: AgentCall, timeoutMs: Int64, stallMs: Int64?,
    outputBytesMax: Int, commands: CommandPlan? = nil, change: ChangeLimits? = nil,
    taskFile: RestoredFile? = nil, base: BaseBranch? = nil, author: String? = nil
  ) {
    self.author = author
    self.commands = commands
    self.taskFile = taskFile
    self.base = base
    self.change = change
    self.lease = lease
    self.repository = repository
    self.branch = branch
    self.head = head
    self.prompt = prompt
    self.commitMessage = commitMessage
    self.agent = agent
    self.timeoutMs = timeoutMs
    self.stallMs = stallMs
    self.outputBytesMax = outputBytesMax
  }
}

/// Keep the agent's conversation for the next round of the pull request, and continue the one of an
/// earlier round if the worker has it. An agent that begins a new one gets `Assignment.prompt`.
package struct SessionOrder: Codable, Equatable, Sendable {
  /// The pull request's first delegation. No conversation is given to another pull request.
  package var first: String
  package var keepMs: Int64
  /// The prompt for an agent that continues; nil: it begins a new one.
  package var prompt: String?
  package init(first: String, keepMs: Int64, prompt: String?) {
    self.first = first
    self.keepMs = keepMs
    self.prompt = prompt
  }
}

/// Asks which pull requests have ended, so that the worker removes the conversations of them.
package struct EndsAsked: Codable, Equatable, Sendable {
  package var worker: String
  /// Their first delegations; the server reads at most `countMax`.
  package var pullRequests: [String]
  package static let countMax = 256
  package init(worker: String, pullRequests: [String]) {
    self.worker = worker
    self.pullRequests = pullRequests
  }
}

/// Those that were merged or closed, or that this log does not have.
package struct PullRequestEnds: Codable, Equatable, Sendable {
  package var ended: [String]
  package init(ended: [String]) { self.ended = ended }
}

/// The commands before and after an agent, in its sandbox: argument lists.
package struct CommandPlan: Codable, Equatable, Sendable {
  package var setup: [[String]]
  package var verify: [[String]]
  /// How often a failed verification's output is returned to the agent.
  package var rounds: Int
  /// Variables of the worker's environment that these commands may see.
  package var environment: [String]
  /// The settings that `.aipm.yaml` may change, as in the commit `base`.
  package var repositoryMaySet: [String]
  package var base: String?
  package init(
    setup: [[String]], verify: [[String]], rounds: Int, environment: [String],
    repositoryMaySet: [String], base: String?
  ) {
    self.setup = setup
    self.verify = verify
    self.rounds = rounds
    self.environment = environment
    self.repositoryMaySet = repositoryMaySet
    self.base = base
  }
}

/// How to start an agent.
package struct AgentCall: Codable, Equatable, Sendable {
  /// One argument. A placeholder is a whole argument, so no text is parsed.
  package struct Argument: Codable, Equatable, Sendable {
    /// The kind of the argument.
    package enum Kind: String, Codable, Sendable {
      case literal, prompt, promptFile, directory
      /// Only in `resumeArguments`, which workers that do not know it do not read.
      case session
    }
    package var kind: Kind
    /// For `literal`.
    package var text: String
    package init(kind: Kind, text: String = "") {
      self.kind = kind
      self.text = text
    }
  }
  /// The profile's name.
  package var name: String
  /// True for the built-in agent: the worker's own program, as `demo-agent`.
  package var isDemo: Bool
  /// Program and arguments; empty for the demo agent and for a session.
  package var arguments: [Argument]
  package var promptOnStandardInput: Bool
  /// Replaces `arguments` if the prompt is too long for an argument. nil: `arguments` with a prompt
  /// that names a file with the prompt's text.
  package var longPromptArguments: [Argument]?
  /// Replaces `arguments` if a conversation is continued. nil: none is.
  package var resumeArguments: [Argument]?
  /// Variables of the worker's environment that the agent may see.
  package var environment: [String]
  /// The sandbox's grants; nil: no network, and no folders besides the default ones.
  package var sandbox: SandboxGrants?
  /// The most disk space of the attempt's files; nil: no limit.
  package var diskBytesMax: Int?
  /// The most concurrent processes and threads; nil: no limit.
  package var processesMax: Int?
  /// The most memory of all processes, in bytes; nil: no limit.
  package var memoryBytesMax: Int?
  /// The services that it calls with a credential that stays outside of its sandbox; nil: none.
  package var endpoints: [ModelEndpoint]?
  /// Patterns, as in gitignore(5), of the agent's own files in the tree. New files that match are
  /// not part of its change. nil: none.
  package var ownFiles: [String]?
  /// How the agent's end is judged; nil: by an exit code of 0 alone.
  package var reading: AgentReading?
  /// For an agent that speaks the Agent Client Protocol.
  package var session: AgentSession?
  package init(
    name: String, isDemo: Bool, arguments: [Argument], promptOnStandardInput: Bool,
    environment: [String], sandbox: SandboxGrants? = nil, diskBytesMax: Int? = nil,
    processesMax: Int? = nil, reading: AgentReading? = nil, session: AgentSession? = nil
  ) {
    self.name = name
    self.sandbox = sandbox
    self.diskBytesMax = diskBytesMax
    self.processesMax = processesMax
    self.isDemo = isDemo
    self.arguments = arguments
    self.promptOnStandardInput = promptOnStandardInput
    self.environment = environment
    self.reading = reading
    self.session = session
  }
}

/// Requests the objects of a lease's head.
package struct FetchRequest: Codable, Equatable, Sendable {
  package var worker: String
  package var lease: LeaseReference
  /// The commit that the order named.
  package var head: String
  /// Commits that the worker has completely; the server reads at most `haveMax`.
  package var have: [String]
  /// Objects of tags, instead of the head's; the server reads at most `tagsMax`. nil: the head's.
  package var tags: [String]?
  package static let haveMax = 64
  package static let tagsMax = 10_000
  package init(
    worker: String, lease: LeaseReference, head: String, have: [String], tags: [String]? = nil
  ) {
    self.worker = worker
    self.lease = lease
    self.head = head
    self.have = have
    self.tags = tags
  }
}

/// Requests the tags of a lease's repository.
package struct TagsRequest: Codable, Equatable, Sendable {
  package var worker: String
  package var lease: LeaseReference
  /// The digest of the worker's list; nil: it has no list.
  package var have: String?
  package init(worker: String, lease: LeaseReference, have: String?) {
    self.worker = worker
    self.lease = lease
    self.have = have
  }
}
