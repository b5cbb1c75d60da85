import Domain
import Engine
import WorkerProtocol
import Workflows

extension Assignment {
  init(_ told: WorkerAssignment, author: CommitIdentity) {
    self.init(
      lease: LeaseReference(
        delegation: told.delegation.rawValue, attempt: told.lease.attempt,
        token: told.lease.token.packed),
      repository: told.repository.description, branch: told.branch, head: told.head.rawValue,
      prompt: told.prompt, commitMessage: told.commitMessage,
      agent: AgentCall(told.agent, told.workflow),
      timeoutMs: told.timeout.count, stallMs: told.workflow.stallTimeout?.count,
      outputBytesMax: told.workflow.limits.outputBytesMax,
      commands: CommandPlan(told.workflow.commands, base: told.base?.sha.rawValue),
      change: ChangeLimits(
        filesMax: told.workflow.limits.changedFilesMax,
        bytesMax: told.workflow.limits.changedBytesMax),
      author: author.description)
    guard let base = told.base else { return }
    self.base = BaseBranch(name: base.branch, commit: base.sha.rawValue)
    taskFile = told.taskFile.map { RestoredFile(path: $0, base: base.sha.rawValue) }
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
    case .session(let session):
      self.init(
        name: profile.name, isDemo: false, arguments: [], promptOnStandardInput: false,
        environment: profile.environment, reading: profile.reading, session: session)
    }
    sandbox = SandboxRules(profile.sandbox, network: workflow.network(of: profile))
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
    }
  }
}
