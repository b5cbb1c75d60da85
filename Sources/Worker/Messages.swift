// The types that the worker's core and its adapters share: requests to the server and its answers,
// inputs that the adapters report, and actions that they carry out.

import Cryptography
import Domain
import NetworkRules
import WorkerProtocol

/// Which attempt it is, whatever the token of its lease.
package struct AttemptKey: Hashable, Sendable, Codable, CustomStringConvertible {
  package let delegation: String
  package let number: Int

  package init(delegation: String, number: Int) {
    self.delegation = delegation
    self.number = number
  }

  package init(_ lease: LeaseReference) {
    self.init(delegation: lease.delegation, number: lease.attempt)
  }

  /// Also the name of the attempt's folder.
  package var description: String { "\(delegation)-\(number)" }
}

/// One call to the server.
package enum Request: Equatable, Sendable {
  /// Which agents to look for.
  case agents
  case register(Registration)
  case poll(DesiredPoll)
  case heartbeat(Heartbeat)
  case generating(GeneratingReport)
  /// The output file from `offset` on, as much as fits one call.
  case output(LeaseReference, OutputPart, offset: Int)
  /// - Parameter used: what the agent reported. A server that refuses the pack ends the attempt.
  case pack(LeaseReference, commit: String, used: AgentUsage = AgentUsage())
  /// What an agent had made when its time was over.
  case patch(LeaseReference)
  case result(ResultReport)

  /// The lease that it reports on; nil if it is about the worker itself.
  var lease: LeaseReference? {
    switch self {
    case .agents, .register, .poll, .heartbeat: nil
    case .generating(let report): report.lease
    case .output(let lease, _, _), .pack(let lease, _, _), .patch(let lease): lease
    case .result(let report): report.lease
    }
  }

  package var slot: CallSlot {
    switch self {
    case .agents: .agents
    case .register, .poll: .session
    case .heartbeat: .heartbeat
    case .generating: .generating
    case .output(_, let part, _): part.slot
    case .pack, .patch, .result: .handIn
    }
  }
}

/// Calls of one slot follow each other; those of different slots go side by side.
package enum CallSlot: String, CaseIterable, Sendable {
  case agents, session, heartbeat, generating, output, records, handIn
}

/// The two files that are kept of what an agent said.
package enum OutputPart: String, CaseIterable, Sendable {
  /// What it wrote.
  case text
  /// When it wrote what, and what it reported in a structured form: plan, tool calls, usage.
  case records

  var slot: CallSlot {
    switch self {
    case .text: .output
    case .records: .records
    }
  }
}

/// Which call an answer belongs to; an answer to a call that was given up is not looked at.
package struct CallID: Hashable, Sendable {
  package let number: Int
  package init(_ number: Int) { self.number = number }
}

/// What came of a call: a failure that every call can have, or the call's own answer.
package enum CallAnswer: Equatable, Sendable {
  case failed(CallFailure)
  case agents([AgentInquiry])
  case registered(Registered)
  case desired(Desired)
  case heartbeat
  case generating(UploadOutcome)
  case output(OutputOutcome)
  case pack(UploadOutcome)
  case patch(UploadOutcome)
  case result(ResultOutcome)
}

/// Why a call has no answer of its own.
package enum CallFailure: Error, Equatable, Sendable {
  /// No connection, no valid answer, or 5xx: the call is repeated.
  case unreachable(String)
  /// 401 or 403: the token is unknown, or another worker's.
  case unauthorized(String)
  /// The token was revoked.
  case revoked(String)
  /// 410: the server does not know this life of the worker.
  case unknownLife
}

/// The answer to a part of the output.
package enum OutputOutcome: Equatable, Sendable {
  /// How much the server has.
  case end(Int)
  /// The attempt is over, or another worker's.
  case over
  /// The server accepts no more of it.
  case refused(String)
}

/// The answer to a report, a pack or a patch.
package enum UploadOutcome: Equatable, Sendable {
  case taken
  /// The attempt is over, or another worker's.
  case over
  case refused(String)
}

/// The answer to a result.
package enum ResultOutcome: Equatable, Sendable {
  /// It was recorded; the attempt is over.
  case taken
  /// Nobody wants it: the attempt is over, or another worker's.
  case over
  /// 424: the server does not have the pack. It may have lost its mirror since.
  case packMissing
}

/// How the agent's process ended.
package enum AgentEnd: Equatable, Sendable {
  /// It did what it does when it has done its work.
  case finished
  /// It reported a failure, or did not report its success.
  case failed(String)
  /// Its provider's limit was met, and it did not end well.
  case limited(String, AgentLimitReport)
  /// With a code that means no success.
  case exited(Int32)
  case signalled(Int32)
  /// `Action.stopAgent` ended it.
  case stopped
  case notFound(String)
  /// It could not be called, for a reason that is the profile's.
  case notStarted(String)
  /// It ended well, and what was to verify its work failed, after all rounds.
  case unverified(String)
  /// What was to run before it failed.
  case unprepared(String)
  /// It took more of the machine than it may, and was ended.
  case exceeded(String)
  /// It could not be followed, for a reason that is this machine's.
  case lost(String)
}

/// What the agent said, when it has ended.
package struct OutputSummary: Equatable, Sendable {
  /// As kept and sent.
  package var bytes: Int
  /// SHA-256 of those, in hex.
  package var digest: String
  /// The last lines, for a message.
  package var lastLines: String
  /// How long its records are, in bytes.
  package var records: Int
  /// The last lines as the end of a message; empty if absent.
  package var messageSuffix: String {
    if lastLines.isEmpty { return "" }
    return "; it said:" + (lastLines.contains("\n") ? "\n" : " ") + lastLines
  }
  /// What it reported that it used.
  package var usage: AgentUsage
  /// What it reached and what it was refused; nil if it tried nothing.
  package var network: NetworkRecord?
  /// Its last words; nil if it gave none.
  package var words: String?

  /// Of an agent that said nothing.
  package static let nothing = OutputSummary(bytes: 0, digest: SHA256.hex([]), lastLines: "")

  package init(
    bytes: Int, digest: String, lastLines: String, records: Int = 0,
    usage: AgentUsage = AgentUsage()
  ) {
    self.bytes = bytes
    self.digest = digest
    self.lastLines = lastLines
    self.records = records
    self.usage = usage
  }
}

/// What taking the agent's work into a commit came to.
package enum PickUp: Error, Equatable, Sendable {
  case committed(String)
  case noChanges
  /// Nothing was changed but what the repository's `.gitignore` leaves out; some of it by name.
  case ignoredAlone(String)
  /// The tree is in a shape that cannot be committed: the agent's doing.
  case unfit(String)
  /// The change breaks a rule of the workflow.
  case refused(message: String, hint: String)
  /// git or the disk failed, or nobody waits for it any more.
  case fault(String)
}

/// Why there is no working tree.
package struct CheckoutFault: Error, Equatable, Sendable {
  package var message: String
  /// The server was not reached; that is no fault of this machine.
  package var isUnreachable: Bool
  /// The repository is larger than the limits allow: another try would end in the same way.
  package var isTooLarge: Bool

  package init(message: String, isUnreachable: Bool = false, isTooLarge: Bool = false) {
    self.message = message
    self.isUnreachable = isUnreachable
    self.isTooLarge = isTooLarge
  }
}

/// What the shell reports to the core.
package enum Input: Sendable {
  /// First of all: what the journal of the last life holds that can still be handed in.
  case began(recovered: JournalRecord?)
  case answered(CallID, CallAnswer)
  case checkedOut(AttemptKey)
  case checkoutFailed(AttemptKey, CheckoutFault)
  /// - Parameters:
  ///   - session: what the agent calls it, where it has such.
  ///   - mayContinue: it tries to continue a conversation; `conversationSettled` follows.
  case agentStarted(
    AttemptKey, AgentIdentity, session: String? = nil, mayContinue: Bool = false)
  /// Whose conversation the agent continues; nil: it began a new one.
  case conversationSettled(AttemptKey, session: String?, continues: String?)
  /// How many bytes of output and of its records are in the files, and what the agent has used.
  case agentSaid(AttemptKey, bytes: Int, records: Int = 0, usage: AgentUsage = AgentUsage())
  case agentEnded(AttemptKey, AgentEnd, OutputSummary)
  case pickedUp(AttemptKey, PickUp)
  /// Whether there is anything, and it is on disk as a patch.
  case salvaged(AttemptKey, hasPatch: Bool)
  /// The result of looking for the agents. Those that are still looked for are `unknown`; another
  /// input reports them.
  case lookedForAgents([AgentFinding])
  /// Take nothing new and end when what is in hand is handed in.
  case drain
  /// End now: stop the agent and give the attempt back.
  case halt
  /// Time has passed.
  case tick
}

/// What the core wants done. Those before a `writeJournal` are begun and it is on disk before
/// those after it are.
package enum Action: Equatable, Sendable {
  case send(CallID, Request)
  /// Nobody waits for this call any more.
  case abandon(CallID)
  /// Find out which of these could work here.
  case lookForAgents([AgentInquiry])
  case checkOut(Assignment)
  case stopCheckout(AttemptKey)
  case startAgent(Assignment)
  /// SIGTERM to its group, and SIGKILL after a grace.
  case stopAgent(AttemptKey)
  /// Take the tree into a commit and write the pack, durably.
  case pickUp(Assignment)
  /// Write what the tree has beyond the head as a patch: the agent's time was over.
  case salvage(Assignment)
  /// Nobody waits for the pick-up, or the patch, that is under way.
  case stopPickUp(AttemptKey)
  /// Forget the attempt: its folder, its ref.
  /// - Parameter keepsSession: its agent's conversation may be continued in a later round.
  case drop(AttemptKey, repository: String, keepsSession: Bool = false)
  /// nil: nothing is in hand.
  case writeJournal(JournalRecord?)
  case exit(WorkerExit)
}

/// Why a worker process ended in good order.
package enum WorkerExit: Equatable, Sendable {
  case drained
  case halted
  /// A local worker whose server is gone, with nothing in hand.
  case deserted
  /// The server knows the token not and never did in this life, or the token was revoked.
  case unauthorized(String)
}

/// A process, distinct from a later one with the same number.
package struct AgentIdentity: Equatable, Sendable, Codable {
  package var processID: Int32
  /// Clock ticks since the machine started; proc(5), field 22 of stat.
  package var startTicks: UInt64

  package init(processID: Int32, startTicks: UInt64) {
    self.processID = processID
    self.startTicks = startTicks
  }
}

/// What is written down of the attempt in hand.
package struct JournalRecord: Equatable, Sendable, Codable {
  /// A commit that was made and waits to be handed in.
  package struct Made: Equatable, Sendable, Codable {
    package var commit: String
    /// What the commit stands on.
    package var head: String
    package var durationMs: Int64
    package var outputBytes: Int
    package var outputDigest: String
    /// nil in the journal of a version that kept none.
    package var recordBytes: Int?
    package var network: NetworkRecord?
    /// The agent's last words.
    package var words: String?
  }

  package var lease: LeaseReference
  package var repository: String
  package var agent: AgentIdentity?
  /// The commit, once its pack is on disk.
  package var made: Made?
  /// What the agent has reported that it used; nil if nothing is known.
  package var used: AgentUsage?
  /// The delegation whose conversation the agent continued; nil if it began a new one.
  package var continues: String?

  init(
    lease: LeaseReference, repository: String, agent: AgentIdentity? = nil, made: Made? = nil,
    used: AgentUsage = AgentUsage(), continues: String? = nil
  ) {
    self.continues = continues
    self.used = used.isEmpty ? nil : used
    self.lease = lease
    self.repository = repository
    self.agent = agent
    self.made = made
  }
}
