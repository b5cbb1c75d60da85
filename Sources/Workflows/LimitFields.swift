// Limits, refused paths and templates in a definition.

import Domain
import Screening
import Yams

extension DefinitionReader {
  mutating func limits(_ all: Fields) -> Workflow.Limits {
    let keys = [
      "per-repository", "per-requester", "output", "change", "changed-files", "disk", "processes",
      "memory",
    ]
    let fields = fields(all["limits"], keys: keys)
    return Workflow.Limits(
      perRepository: integer(fields?["per-repository"], in: 1...10_000),
      perRequester: integer(fields?["per-requester"], in: 1...10_000),
      outputBytesMax: size(fields?["output"], in: (1 << 10)...(1 << 30)) ?? 16 << 20,
      changedBytesMax: size(
        fields?["change"], in: (1 << 10)...Workflow.Limits.changedBytesLargest) ?? 20 << 20,
      changedFilesMax: integer(fields?["changed-files"], in: 1...1_000_000) ?? 2000,
      diskBytesMax: size(fields?["disk"], in: (1 << 20)...(1 << 40)) ?? 8 << 30,
      processesMax: integer(fields?["processes"], in: 8...100_000) ?? 1024,
      memoryBytesMax: size(fields?["memory"], in: (64 << 20)...(1 << 42)))
  }

  /// How long a conversation is kept; 0 for not at all.
  mutating func keepSession(_ field: Field?) -> Milliseconds {
    let range = Milliseconds(0)...Milliseconds.seconds(90 * 24 * 3600)
    switch field?.node.scalar?.string {
    case "never", "0": return range.lowerBound
    case _: return duration(field, in: range) ?? .seconds(7 * 24 * 3600)
    }
  }

  mutating func refusedPaths(_ all: Fields) -> [String] {
    all["refused-paths"].map { paths($0) } ?? [".github/workflows/"]
  }

  /// Texts that look like credentials and are allowed.
  mutating func secretExemptions(_ all: Fields) -> SecretExemptions {
    let fields = fields(all["secrets"], keys: ["allow-paths", "allow-patterns"])
    var exemptions = SecretExemptions()
    exemptions.paths = paths(fields?["allow-paths"])
    let patterns = texts(fields?["allow-patterns"]) ?? []
    for item in patterns {
      guard let fault = SecretExemptions.fault(inPattern: item.text) else { continue }
      note(
        item.position, "secrets.allow-patterns: \"\(item.text)\" cannot be used: \(fault)",
        "write the whole credential with * for what changes, as in sk_live_test*")
    }
    exemptions.patterns = patterns.map(\.text)
    return exemptions
  }

  private mutating func paths(_ field: Field?) -> [String] {
    let items = texts(field) ?? []
    for item in items {
      let parts = item.text.split(separator: "/", omittingEmptySubsequences: false)
      let inner = item.text.hasSuffix("/") ? parts.dropLast() : parts[...]
      if item.text.isEmpty || inner.contains(where: { ["", ".", ".."].contains($0) }) {
        note(
          item.position, "\"\(item.text)\" is not a path within a repository",
          "write it from the repository's root with no / first, as in docs/secret.md; "
            + "a / last means all below it")
      } else if item.text.contains(where: { $0 == "*" || $0 == "?" }) {
        note(
          item.position, "\"\(item.text)\" holds a wildcard, which has no meaning here",
          "write a file's path, or a folder's with / last")
      }
    }
    return items.map(\.text)
  }

  mutating func templates(
    _ all: Fields
  ) -> (texts: WorkflowTemplates?, cancelComment: TextTemplate?) {
    let needed = ["task-file", "prompt", "commit-message", "pull-request-body"]
    let others = ["cancel-comment", "round-prompt", "round-commit-message", "resume-prompt"]
    guard let field = required(all, "templates"),
      let fields = fields(field, keys: needed + others)
    else { return (nil, nil) }
    let parsed = needed.map { key in
      let isBody = key == "pull-request-body"
      return template(
        required(fields, key),
        variables: isBody
          ? WorkflowTemplates.pullRequestVariables : WorkflowTemplates.taskVariables)
    }
    let comment = template(
      fields["cancel-comment"], variables: WorkflowTemplates.noticeVariables)
    let roundPrompt = template(
      fields["round-prompt"], variables: WorkflowTemplates.roundVariables)
    let roundMessage = template(
      fields["round-commit-message"], variables: WorkflowTemplates.roundVariables)
    let resumePrompt = template(
      fields["resume-prompt"], variables: WorkflowTemplates.roundVariables)
    guard let taskFile = parsed[0], let prompt = parsed[1], let message = parsed[2],
      let body = parsed[3]
    else { return (nil, comment) }
    var texts = WorkflowTemplates(
      taskFile: taskFile, prompt: prompt, commitMessage: message, pullRequestBody: body)
    texts.roundPrompt =
      roundPrompt ?? WorkflowTemplates.builtIn(WorkflowTemplates.roundPromptDefault)
    texts.roundCommitMessage =
      roundMessage ?? WorkflowTemplates.builtIn(WorkflowTemplates.roundCommitMessageDefault)
    texts.resumePrompt =
      resumePrompt ?? WorkflowTemplates.builtIn(WorkflowTemplates.resumePromptDefault)
    return (texts, comment)
  }
}
