import ArgumentParser
import EventLog
import FoundationEssentials
import Terminal
import Workflows

struct WorkflowsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workflows",
    abstract: "Checks workflow definitions, and describes them to editors.",
    subcommands: [Check.self, Schema.self])

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Reads definitions and tells every fault, with file, line and what to write.",
      discussion: """
        Without files it checks what `aipm serve` would read: the built-in workflows and those of \
        --workflows. Exit code 1 where something is wrong.

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
        let settings = try configured.settings(ProcessInfo.processInfo.environment)
        do throws(WorkflowFaults) {
          checked = try WorkflowCatalog(
            directory: settings.text("workflows", flag: configured.workflows)
          ).all
        } catch {
          faults = error.faults
        }
      }
      for file in files {
        do {
          let source = try String(contentsOfFile: file, encoding: .utf8)
          checked.append(try Workflow(source: source, file: file))
        } catch let found as WorkflowFaults {
          faults += found.faults
        } catch {
          throw Failure("\(file.safe()) cannot be read: \(error)", code: .notFound)
        }
      }
      show(checked, faults)
      if !faults.isEmpty { throw ExitCode(Failure.Code.failed.rawValue) }
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

    func run() async throws { Terminal.say(WorkflowSchema.text) }
  }
}
