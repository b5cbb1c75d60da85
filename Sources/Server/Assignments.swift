import Domain
import Engine
import WorkerProtocol
import Workflows

extension Assignment {
  init(_ work: WorkerAssignment, author: CommitIdentity) {
    self.init(
      lease: LeaseReference(
        delegation: work.delegation.rawValue, attempt: work.lease.attempt,
        token: work.lease.token.packed),
      repository: work.repository.description, branch: work.branch,
      head: (work.merge?.start ?? work.head).rawValue,
      prompt: work.prompt, commitMessage: work.commitMessage,
      agent: AgentCall(work.agent, work.workflow),
      timeoutMs: work.timeout.count, stallMs: work.workflow.stallTimeout?.count,
      outputBytesMax: work.workflow.limits.outputBytesMax,
      commands: CommandPlan(work.workflow.commands, base: work.base?.sha.rawValue),
      change: ChangeLimits(
        filesMax: work.workflow.limits.changedFilesMax,
        bytesMax: work.workflow.limits.changedBytesMax),
      author: author.description)
    costMax = work.costMax
    parents = work.merge.map { [work.head.rawValue, $0.base.rawValue] }
    session = work.session.map {
      SessionOrder(first: $0.first.rawValue, keepMs: $0.keep.count, prompt: $0.prompt)
    }
    guard let base = work.base else { return }
    self.base = BaseBranch(name: base.branch, commit: base.sha.rawValue)
    taskFile = work.taskFile.map { path in
      RestoredFile(path: path, base: (work.taskFileBase ?? base.sha).rawValue)
    }
  }
}

extension CommandPlan {
  init(_ rules: CommandRules, base: String?) {
    self.init(
      setup: rules.setup, verify: rules.verify, rounds: rules.rounds,
      environment: rules.environment,
      repositoryMaySet: rules.repositoryMaySet.map(\.rawValue).sorted(), base: base)
  }
}

extension AgentCall {
  init(_ profile: AgentProfile, _ workflow: Workflow) {
    switch profile.kind {
    case .demo:
      self.init(
        name: profile.name, isDemo: true, arguments: [], promptOnStandardInput: true,
        environment: profile.environment)
    case .command(let command):
      self.init(
        name: profile.name, isDemo: false, arguments: command.arguments.map { Argument($0) },
        promptOnStandardInput: command.promptOnStandardInput, environment: profile.environment,
        reading: profile.reading)
      longPromptArguments = command.longPromptArguments?.map { Argument($0) }
      resumeArguments = command.resumeArguments?.map { Argument($0) }
    case .session(let session):
      self.init(
        name: profile.name, isDemo: false, arguments: [], promptOnStandardInput: false,
        environment: profile.environment, reading: profile.reading, session: session)
    }
    var grants = profile.sandbox
    grants.network = workflow.network(of: profile)
    sandbox = grants
    endpoints = profile.endpoints
    ownFiles = profile.ownFiles.isEmpty ? nil : profile.ownFiles
    diskBytesMax = workflow.limits.diskBytesMax
    processesMax = workflow.limits.processesMax
    memoryBytesMax = workflow.limits.memoryBytesMax
  }
}

extension AgentCall.Argument {
  init(_ argument: AgentCommand.Argument) {
    switch argument {
    case .literal(let text): self.init(kind: .literal, text: text)
    case .prompt: self.init(kind: .prompt)
    case .promptFile: self.init(kind: .promptFile)
    case .directory: self.init(kind: .directory)
    case .session: self.init(kind: .session)
    }
  }
}
