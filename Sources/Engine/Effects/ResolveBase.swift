import Domain
import ForgePort

/// Reads the base of the delegation: three reads at the same time, and no write. If the task's path
/// exists, its kind is read too, folder by folder: a forge follows symbolic links when it reads a
/// file, and the task must not be written through a link.
///
/// Identity: none. The base is recorded before the first write, and stays as recorded if the branch
/// moves.
struct ResolveBase: Effect {
  let context: EffectContext
  /// The base, while the task's path is read.
  private var found: BaseResolved?
  /// The rest of the task's path, not read yet.
  private var rest: [Substring] = []

  init(context: EffectContext) { self.context = context }

  private var path: String { context.texts.taskFilePath }

  mutating func start() -> EffectStep {
    let wanted = context.delegation.request.baseBranch
    return .calls([
      .forge(.repository(context.repository)),
      .forge(.branchHead(context.repository, branch: wanted)),
      .forge(.fileBlob(context.repository, path: path, ref: wanted)),
    ])
  }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    if found != nil { return walk(answers.only.forge) }
    guard answers.count == 3 else { return .done(.fault(.unexpected(.resolveBase))) }
    switch answers[0].forge {
    case .failure(let fault): return .done(.fault(repositoryFault(fault)))
    case .success(.repository(let repository)):
      if let refusal = refusal(of: repository) { return .done(.fault(refusal)) }
      return resolve(repository, head: answers[1].forge, blob: answers[2].forge)
    case .success: return .done(.fault(.unexpected(.resolveBase)))
    }
  }

  private mutating func resolve(
    _ repository: ForgeRepository, head: ForgeAnswer, blob: ForgeAnswer
  ) -> EffectStep {
    let branch = context.delegation.request.baseBranch ?? repository.defaultBranch
    let sha: ObjectID
    switch head {
    case .success(.head(.some(let found))): sha = found
    case .success(.head(.none)): return .done(.fault(noBase(branch)))
    case .failure(let fault) where fault.kind == .empty: return .done(.fault(empty))
    case .failure(let fault) where fault.kind == .notFound: return .done(.fault(noBase(branch)))
    case .failure(let fault): return .done(.fault(StepFault(.resolveBase, fault)))
    case .success: return .done(.fault(.unexpected(.resolveBase)))
    }
    switch blob {
    case .success(.blob(let blob)):
      return look(BaseResolved(branch: branch, sha: sha, taskBlob: blob))
    case .failure(let fault) where fault.kind == .notFound:
      return look(BaseResolved(branch: branch, sha: sha, taskBlob: nil))
    case .failure(let fault): return .done(.fault(StepFault(.resolveBase, fault)))
    case .success: return .done(.fault(.unexpected(.resolveBase)))
    }
  }

  /// If nothing exists at the root, nothing is read.
  private mutating func look(_ base: BaseResolved) -> EffectStep {
    guard base.taskBlob != nil || path.contains("/") else {
      return .done(.record(.recordBase(base)))
    }
    found = base
    rest = path.split(separator: "/")
    return .calls([.forge(.tree(context.repository, base.sha))])
  }

  /// Reads the next folder on the task's path, or the file itself.
  private mutating func walk(_ answer: ForgeAnswer) -> EffectStep {
    guard var base = found, !rest.isEmpty else { return .done(.fault(.unexpected(.resolveBase))) }
    switch answer {
    case .success(.tree(let entries)):
      let name = rest.removeFirst()
      let entry = entries.first { $0.name == name }
      switch (entry?.kind, rest.isEmpty) {
      case (.folder, false):
        return .calls([.forge(.tree(context.repository, entry?.sha ?? base.sha))])
      case (.file, true): base.taskBlob = entry?.sha
      // The branch moved between the reads. The commit will meet a conflict.
      case (nil, _): base.taskBlob = nil
      case (.some(let kind), _): return .done(.fault(inTheWay(kind, of: base.branch)))
      }
      return .done(.record(.recordBase(base)))
    case .success: return .done(.fault(.unexpected(.resolveBase)))
    case .failure(let fault): return .done(.fault(StepFault(.resolveBase, fault)))
    }
  }

  private func inTheWay(_ kind: ForgeTreeEntry.Kind, of branch: String) -> StepFault {
    let what =
      switch kind {
      case .file: "a file"
      case .link: "a link"
      case .folder: "a folder"
      case .submodule: "a submodule"
      }
    return refused(
      "the task cannot be written to \(path): \(what) is in its place on \(branch)",
      hint: "Have the workflow write it elsewhere, as with task-file: "
        + "{path: \"TASK-{{confirmationCode}}.md\"}.")
  }

  private func repositoryFault(_ fault: ForgeFault) -> StepFault {
    guard fault.kind == .notFound else { return StepFault(.resolveBase, fault) }
    return refused(
      "the repository \(context.repository) was not found",
      hint: fault.hint
        ?? "Check the owner's and the repository's name. If it is private, the forge also says "
        + "this if AIPM's credential has no access: grant it access to the repository.")
  }

  private func refusal(of repository: ForgeRepository) -> StepFault? {
    if repository.archived {
      return refused(
        "the repository \(context.repository) is archived",
        hint: "An archived repository cannot be changed: unarchive it, or name another.")
    }
    if repository.disabled {
      return refused(
        "the repository \(context.repository) is disabled",
        hint: "The forge has disabled it: ask its owner or the forge's support.")
    }
    if repository.mayPush == false {
      return refused(
        "AIPM's credential may not write to \(context.repository)",
        hint: "Grant it the right to write contents and pull requests.")
    }
    return nil
  }

  private var empty: StepFault {
    refused(
      "the repository \(context.repository) is empty",
      hint: "There is no commit to start from: push a first commit, then retry.")
  }

  private func noBase(_ branch: String) -> StepFault {
    refused(
      "the base branch \(branch) was not found in \(context.repository)",
      hint: "Name a branch that exists, or leave baseBranch out for the default branch.")
  }

  private func refused(_ message: String, hint: String) -> StepFault {
    StepFault(
      step: .resolveBase, kind: .final(.forgeRefused, retryable: false), message: message,
      hint: hint)
  }
}
