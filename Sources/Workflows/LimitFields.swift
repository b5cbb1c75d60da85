// Limits, refused paths and templates in a definition.

import Screening
import Yams

extension DefinitionReader {
  mutating func limits(_ all: Fields) -> Workflow.Limits {
    var limits = Workflow.Limits(
      perRepository: nil, perRequester: nil, outputBytesMax: 16 << 20,
      changedBytesMax: 20 << 20, changedFilesMax: 2000, diskBytesMax: 8 << 30,
      processesMax: 1024)
    let keys = [
      "per-repository", "per-requester", "output", "change", "changed-files", "disk", "processes",
      "memory",
    ]
    guard let node = all.values["limits"], let fields = fields(node, at: "limits", keys: keys)
    else { return limits }
    if let node = fields.values["per-repository"] {
      limits.perRepository = integer(node, "limits.per-repository", in: 1...10_000)
    }
    if let node = fields.values["per-requester"] {
      limits.perRequester = integer(node, "limits.per-requester", in: 1...10_000)
    }
    if let node = fields.values["output"],
      let bytes = size(node, "limits.output", in: (1 << 10)...(1 << 30))
    {
      limits.outputBytesMax = bytes
    }
    if let node = fields.values["change"],
      let bytes = size(
        node, "limits.change", in: (1 << 10)...Workflow.Limits.changedBytesLargest)
    {
      limits.changedBytesMax = bytes
    }
    if let node = fields.values["changed-files"],
      let count = integer(node, "limits.changed-files", in: 1...1_000_000)
    {
      limits.changedFilesMax = count
    }
    if let node = fields.values["disk"],
      let bytes = size(node, "limits.disk", in: (1 << 20)...(1 << 40))
    {
      limits.diskBytesMax = bytes
    }
    if let node = fields.values["processes"],
      let count = integer(node, "limits.processes", in: 8...100_000)
    {
      limits.processesMax = count
    }
    if let node = fields.values["memory"] {
      limits.memoryBytesMax = size(node, "limits.memory", in: (64 << 20)...(1 << 42))
    }
    return limits
  }

  mutating func refusedPaths(_ all: Fields) -> [String] {
    guard let node = all.values["refused-paths"] else { return [".github/workflows/"] }
    return paths(node, "refused-paths")
  }

  /// Texts that look like credentials and are allowed.
  mutating func secretExemptions(_ all: Fields) -> SecretExemptions {
    guard let node = all.values["secrets"],
      let fields = fields(node, at: "secrets", keys: ["allow-paths", "allow-patterns"])
    else { return SecretExemptions() }
    var exemptions = SecretExemptions()
    if let node = fields.values["allow-paths"] {
      exemptions.paths = paths(node, "secrets.allow-paths")
    }
    if let node = fields.values["allow-patterns"] {
      let items = texts(node, "secrets.allow-patterns") ?? []
      for item in items {
        guard let fault = SecretExemptions.fault(inPattern: item.text) else { continue }
        note(
          item.node.position, "secrets.allow-patterns: \"\(item.text)\" cannot be used: \(fault)",
          "write the whole credential with * for what changes, as in sk_live_test*")
      }
      exemptions.patterns = items.map(\.text)
    }
    return exemptions
  }

  private mutating func paths(_ node: Node, _ name: String) -> [String] {
    let items = texts(node, name) ?? []
    for item in items {
      let parts = item.text.split(separator: "/", omittingEmptySubsequences: false)
      let inner = item.text.hasSuffix("/") ? parts.dropLast() : parts[...]
      if item.text.isEmpty || inner.contains(where: { ["", ".", ".."].contains($0) }) {
        note(
          item.node.position, "\"\(item.text)\" is not a path within a repository",
          "write it from the repository's root with no / first, as in docs/secret.md; "
            + "a / last means all below it")
      } else if item.text.contains(where: { $0 == "*" || $0 == "?" }) {
        note(
          item.node.position, "\"\(item.text)\" holds a wildcard, which has no meaning here",
          "write a file's path, or a folder's with / last")
      }
    }
    return items.map(\.text)
  }

  mutating func templates(
    _ all: Fields
  ) -> (texts: WorkflowTemplates?, cancelComment: TextTemplate?) {
    let needed = ["task-file", "prompt", "commit-message", "pull-request-body"]
    guard let node = required(all, "templates"),
      let fields = fields(node, at: "templates", keys: needed + ["cancel-comment"])
    else { return (nil, nil) }
    let task = WorkflowTemplates.taskVariables
    let onPullRequest = WorkflowTemplates.pullRequestVariables
    let parsed = needed.map { key in
      required(fields, key).flatMap {
        template(
          $0, fields.name(key), variables: key == "pull-request-body" ? onPullRequest : task)
      }
    }
    let comment = fields.values["cancel-comment"].flatMap {
      template(
        $0, fields.name("cancel-comment"), variables: WorkflowTemplates.noticeVariables)
    }
    guard let taskFile = parsed[0], let prompt = parsed[1], let message = parsed[2],
      let body = parsed[3]
    else { return (nil, comment) }
    let texts = WorkflowTemplates(
      taskFile: taskFile, prompt: prompt, commitMessage: message, pullRequestBody: body)
    return (texts, comment)
  }
}
