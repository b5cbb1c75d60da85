// The worker protocol, version 2: how a worker process and the server talk, over HTTP with JSON.
//
// It is a control loop, not a queue of messages. The server says what a worker *should* be doing
// (`Desired`, with a revision); the worker makes it so and reports what came of it. A lost or
// doubled message therefore does no harm: the next poll says the same again. What a worker reports
// carries the fencing token of its lease; the server compares it in the append, so a report under
// an old token is refused with 409 and changes nothing.
//
// | route, under /worker/v1 | body → answer |
// | --- | --- |
// | POST /agents | `AgentsAsked` → `AgentInquiries`: which agents to look for |
// | POST /register | `Registration` → `Registered` |
// | POST /desired | `DesiredPoll` → `Desired`; waits for a revision past the one named |
// | POST /heartbeat | `Heartbeat` → 204 |
// | POST /fetch | `FetchRequest` → a thin pack, streamed |
// | POST /tags | `TagsRequest` → the digest of the list of tags, LF, the list if it is new |
// | POST /generating | `GeneratingReport` → 204 |
// | POST /output?delegation=&attempt=&token=&offset= | raw bytes → `OutputAnswer` |
// | POST /records?delegation=&attempt=&token=&offset= | the same, of the output's records |
// | PUT /pack?delegation=&attempt=&token=&commit= | a thin pack → 204 |
// | PUT /patch?delegation=&attempt=&token= | what an agent had made at its limit → 204 |
// | POST /result | `ResultReport` → 204 |
// | POST /leaving | `Leaving` → 204: this life ends in good order |
//
// Local workers reach it over a unix socket in the data folder, remote ones over TCP. On both, each
// request and each response is proven (Proof.swift): no token is sent, and a worker obeys no
// response that is not proven. A token speaks for one worker, and only of leases that this worker
// holds. Faults are `application/problem+json`: 401 the token is not known, or with `code`
// `revoked` is no longer valid, or with `stale` the request's time is too far from the server's,
// which the proof of the response tells; 403 the token is another worker's; 409 with `code`
// `superseded` or `cancelled`: give the attempt up; 410 this life of the worker is not known:
// register; 422 with `code` `refused`: the change breaks a rule, the attempt is over; 424: this
// server has not seen the pack, send it before the result; 503: keep what you have and come again.
//
// A checkout is one thin pack of what the lease's head has beyond the commits that the worker
// names. It is no `git fetch`: git could prove nothing, and would believe whoever answers. The
// worker keeps what it got only if the commit that the proven order named is whole in it.
//
// A hand-in is one thin pack and one result. It is not a `git push`: the server, which knows the
// lease, names the ref, so that nothing a worker sends can name another.

import NetworkRules
import Workflows

/// The unix socket of local workers.
package enum WorkerSocketName {
  /// Its name in its folder.
  package static let server = "server.sock"
}

/// Which attempt a report speaks for, and by what right.
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

/// What a worker still has of its last life.
package struct JournalEntry: Codable, Equatable, Sendable {
  package var lease: LeaseReference
  /// The commit that was made and not yet taken; nil where the agent had not ended.
  package var commit: String?
  package init(lease: LeaseReference, commit: String?) {
    self.lease = lease
    self.commit = commit
  }
}

/// How a worker begins a life.
package struct Registration: Codable, Equatable, Sendable {
  package var worker: String
  package var host: String
  package var version: String
  /// The agents that could work on this machine, by the names of their profiles.
  package var agents: [String]
  /// What came of looking for each agent; absent where nobody looked.
  package var findings: [AgentFinding]?
  /// True where the server started this process. The server knows by the token and does not look.
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

/// What a worker is told when it has registered.
package struct Registered: Codable, Equatable, Sendable {
  /// Which life of this worker it is; each call names it.
  package var incarnation: Int
  package var heartbeatMs: Int64
  /// Entries of the journal that are wanted no more: drop them. The others come back as the
  /// assignment, with a new token.
  package var discard: [LeaseReference]
  package init(incarnation: Int, heartbeatMs: Int64, discard: [LeaseReference]) {
    self.incarnation = incarnation
    self.heartbeatMs = heartbeatMs
    self.discard = discard
  }
}

/// Asks what the worker should be doing.
package struct DesiredPoll: Codable, Equatable, Sendable {
  package var worker: String
  package var incarnation: Int
  /// The last revision that was seen; 0 at first.
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
  /// nil: nothing; whatever runs is to be ended and dropped.
  package var assignment: Assignment?
  /// End the agent of the assignment, then report it as stopped.
  package var cancel: Bool
  /// Finish what you have, then end.
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
  /// The commit to start from, and to stand on.
  package var head: String
  package var prompt: String
  /// The message of the commit, whole, with its trailers.
  package var commitMessage: String
  package var agent: AgentCall
  package var timeoutMs: Int64
  /// The agent is ended when it has said nothing for so long; nil: never.
  package var stallMs: Int64?
  /// Output beyond this many bytes is counted and dropped.
  package var outputBytesMax: Int
  /// What runs before the agent and after it; nil: nothing.
  package var commands: CommandPlan?
  /// How large the change may be; nil: the server alone looks after that.
  package var change: ChangeLimits?
  /// The file of the task, where the commit is to put it back; nil: it stays as the agent has it.
  package var taskFile: RestoredFile?
  /// The branch that this one was made from, and the commit that it stood at; nil: not told.
  package var base: BaseBranch?
  /// Author and committer of the commit, as `NAME <ADDRESS>`; nil: AIPM's own name.
  package var author: String?
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

/// What runs before an agent and after it, in its sandbox: argument lists.
package struct CommandPlan: Codable, Equatable, Sendable {
  package var setup: [[String]]
  package var verify: [[String]]
  /// How often what a verification said goes back to the agent.
  package var rounds: Int
  /// Names of variables of the worker's environment that these commands may see.
  package var environment: [String]
  /// What `.aipm.yaml` may set, as it stands in the commit `base`.
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

/// How an agent is called.
package struct AgentCall: Codable, Equatable, Sendable {
  /// One argument; a placeholder is one whole argument, so that nothing is parsed out of a text.
  package struct Argument: Codable, Equatable, Sendable {
    /// What the argument stands for.
    package enum Kind: String, Codable, Sendable {
      case literal, prompt, promptFile, directory
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
  /// True for the agent that is built in: the worker's own program, as `demo-agent`.
  package var isDemo: Bool
  /// Program and arguments; empty for demo and for a session.
  package var arguments: [Argument]
  package var promptOnStandardInput: Bool
  /// In place of `arguments` where the prompt is longer than an argument may be; nil: those, with
  /// words for the prompt that name a file which holds it.
  package var longPromptArguments: [Argument]?
  /// Names of variables of the worker's environment that the agent may see.
  package var environment: [String]
  /// What it gets in a sandbox; nil: nothing of the network, and of the disk nothing besides.
  package var sandbox: SandboxRules?
  /// What the attempt's files may take on disk; nil: no limit.
  package var diskBytesMax: Int?
  /// How many processes and threads it may have at once; nil: no limit.
  package var processesMax: Int?
  /// The most memory that all of them may have, in bytes; nil: no limit.
  package var memoryBytesMax: Int?
  /// The services that it calls with a credential that stays outside of its sandbox; absent: none.
  package var endpoints: [ModelEndpoint]?
  /// Patterns, as gitignore(5) has them, of files that it keeps for itself in the tree: a new one
  /// is no part of its change. Absent: none.
  package var ownFiles: [String]?
  /// How its end is read; absent: by an exit code of 0 alone.
  package var reading: AgentReading?
  /// For an agent that stays and is spoken to in the Agent Client Protocol.
  package var session: AgentSession?
  package init(
    name: String, isDemo: Bool, arguments: [Argument], promptOnStandardInput: Bool,
    environment: [String], sandbox: SandboxRules? = nil, diskBytesMax: Int? = nil,
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

/// What an agent gets in its sandbox besides the system's folders.
package struct SandboxRules: Codable, Equatable, Sendable {
  package var network: NetworkPolicy
  /// Absolute paths, or `~/…` of the worker's home, which stand under the agent's HOME.
  package var readable: [String]
  package var writable: [String]
  /// Toolchains of the worker's home that it may run.
  package var toolchains: [Toolchain]
  package init(
    network: NetworkPolicy = NetworkPolicy(), readable: [String] = [], writable: [String] = [],
    toolchains: [Toolchain] = []
  ) {
    self.network = network
    self.readable = readable
    self.writable = writable
    self.toolchains = toolchains
  }

  /// What a profile grants.
  /// - Parameter network: what the profile and its workflow allow together.
  package init(_ grants: SandboxGrants, network: NetworkPolicy) {
    self.init(
      network: network, readable: grants.readable, writable: grants.writable,
      toolchains: grants.toolchains)
  }
}

/// Asks for the objects of a lease's head.
package struct FetchRequest: Codable, Equatable, Sendable {
  package var worker: String
  package var lease: LeaseReference
  /// The commit that the order named.
  package var head: String
  /// Commits that the worker has with all that belongs to them; at most `haveMax` are looked at.
  package var have: [String]
  /// Objects of tags, in place of the head's; at most `tagsMax` are looked at. nil: the head's.
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

/// Asks for the tags of a lease's repository.
package struct TagsRequest: Codable, Equatable, Sendable {
  package var worker: String
  package var lease: LeaseReference
  /// The digest of the list that the worker has; nil: it has none.
  package var have: String?
  package init(worker: String, lease: LeaseReference, have: String?) {
    self.worker = worker
    self.lease = lease
    self.have = have
  }
}

/// The last word of a life.
package struct Leaving: Codable, Equatable, Sendable {
  package var worker: String
  package var incarnation: Int
  package init(worker: String, incarnation: Int) {
    self.worker = worker
    self.incarnation = incarnation
  }
}

/// A sign of life. It is no fact and goes into no log.
package struct Heartbeat: Codable, Equatable, Sendable {
  package var worker: String
  package var incarnation: Int
  /// For how long the agent has said nothing; nil where none runs.
  package var agentSilentMs: Int64?
  package init(worker: String, incarnation: Int, agentSilentMs: Int64?) {
    self.worker = worker
    self.incarnation = incarnation
    self.agentSilentMs = agentSilentMs
  }
}

/// The agent runs, on this head.
package struct GeneratingReport: Codable, Equatable, Sendable {
  package var worker: String
  package var lease: LeaseReference
  package var agent: String
  package var session: String?
  package var head: String
  package init(
    worker: String, lease: LeaseReference, agent: String, session: String?, head: String
  ) {
    self.worker = worker
    self.lease = lease
    self.agent = agent
    self.session = session
    self.head = head
  }
}

/// The output's length as the server has it: where the next bytes go.
package struct OutputAnswer: Codable, Equatable, Sendable {
  package var offset: Int
  package init(offset: Int) { self.offset = offset }
}
