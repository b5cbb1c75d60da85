import ArgumentParser
import EventLog
import Terminal
import Text
import Workflows

struct WorkflowsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workflows",
    abstract: "Shows and checks workflow definitions, and describes them to editors.",
    subcommands: [List.self, Show.self, Check.self, Schema.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the workflows that `aipm serve` would have.")

    @OptionGroup var configured: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let all = try configured.workflowCatalog().all
      if output.json {
        let items = all.map { workflow in
          JSONValue.object([
            "name": .string(workflow.name), "description": .string(workflow.description),
            "digest": .string(workflow.digest),
          ])
        }
        return JSONValue.object(["items": .array(items)]).printLine()
      }
      Terminal.table(
        ["WORKFLOW", "DESCRIPTION"], all.map { [$0.name.safe(), $0.description.safe()] })
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints one definition whole, with what it extends.",
      discussion: """
        It is the text that the log keeps and that the digest is of.

        Example:
          aipm workflows show team-review --workflows ./workflows
        """)

    @Argument(help: ArgumentHelp("The workflow's name.", valueName: "name"))
    var name: String
    @OptionGroup var configured: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let catalog = try configured.workflowCatalog()
      guard let workflow = catalog[name] else {
        throw Failure(
          "there is no workflow \(name.safe()); \(catalog.hint(for: name).safe())", code: .notFound)
      }
      guard output.json else { return Terminal.put(workflow.source.safe(keepsLines: true)) }
      JSONValue.object([
        "name": .string(workflow.name), "digest": .string(workflow.digest),
        "source": .string(workflow.source),
      ]).printLine()
    }
  }

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Reads definitions and reports every error with file, line and remedy.",
      discussion: """
        Without files it checks what `aipm serve` would read: the built-in workflows and those of \
        --workflows. Exit code 1 if something is wrong.

        Examples:
          aipm workflows check --workflows ./workflows
          aipm workflows check my-workflow.yaml
        """)

    @Argument(help: ArgumentHelp("Definitions to check.", valueName: "file"))
    var files: [String] = []
    @OptionGroup var configured: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      var faults: [WorkflowFault] = []
      var checked: [Workflow] = []
      if files.isEmpty {
        let directory = try directory()
        do throws(WorkflowFaults) {
          checked = try WorkflowCatalog(directory: directory).all
        } catch {
          faults = error.faults
        }
      }
      if !files.isEmpty {
        let sources = try files.map { file in (file: file, source: try Self.source(of: file)) }
        (checked, faults) = WorkflowCatalog.check(sources, directory: try directory())
      }
      show(checked, faults)
      if !faults.isEmpty { throw ExitCode(Failure.Code.failed.rawValue) }
    }

    private func directory() throws -> String? {
      try configured.settingsOrFailure().text(.workflows)
    }

    private static func source(of file: String) throws -> String {
      do throws(TextFile.Fault) {
        return try TextFile.read(file)
      } catch {
        throw Failure(error.description.safe(), code: error.isAbsent ? .notFound : .failed)
      }
    }

    private func show(_ checked: [Workflow], _ faults: [WorkflowFault]) {
      guard output.json else {
        for fault in faults { Terminal.say("\(fault)".safe()) }
        for workflow in checked {
          Terminal.say("\(workflow.name.safe()): fine, digest \(workflow.digest)")
        }
        return
      }
      JSONValue.object([
        "ok": .bool(faults.isEmpty),
        "workflows": .array(
          checked.map {
            .object(["name": .string($0.name), "digest": .string($0.digest)])
          }),
        "faults": .array(
          faults.map { fault in
            .object([
              "file": .string(fault.file), "line": .integer(Int64(fault.line)),
              "column": .integer(Int64(fault.column)), "message": .string(fault.message),
              "instead": .string(fault.instead),
            ])
          }),
      ]).printLine()
    }
  }

  struct Schema: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints the JSON Schema of a definition, for editors.",
      discussion: """
        Example, with the YAML language server:
          aipm workflows schema > workflow.schema.json
          # yaml-language-server: $schema=workflow.schema.json
        """)

    func run() async throws { Terminal.say(try WorkflowSchema.text) }
  }
}
