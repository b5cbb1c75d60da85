// The available workflows: the built-in ones, and those of a folder.

import CAssets
import Domain
import FoundationEssentials

/// Valid workflows by name.
package struct WorkflowCatalog: Sendable {
  private var workflows: [String: Workflow] = [:]

  /// Reads and validates the built-in workflows and all `*.yaml` and `*.yml` of a folder.
  /// - Parameter directory: a folder whose workflows are added and replace built-in ones of the
  ///   same name; nil for none.
  /// - Throws: the faults of all files.
  package init(directory: String? = nil) throws(WorkflowFaults) {
    var faults: [WorkflowFault] = []
    var family = Self.family(directory, &faults)
    var files: [String: String] = [:]
    for index in family.members.indices {
      let member = family.members[index]
      switch family.workflow(of: index) {
      case .success(let workflow):
        if member.origin == .folder,
          let other = files.updateValue(member.file, forKey: workflow.name)
        {
          faults.append(
            WorkflowFault(
              file: member.file, line: 1, column: 1,
              message: "the name \"\(workflow.name)\" is also that of \(other)",
              instead: "give each workflow a name of its own"))
        }
        workflows[workflow.name] = workflow
      case .failure(let found): faults += found.faults
      }
    }
    guard faults.isEmpty else { throw WorkflowFaults(faults) }
  }

  /// Validates definitions. They can extend each other, workflows of the folder, and built-in ones.
  /// - Parameters:
  ///   - files: their names in faults, and their contents.
  ///   - directory: as for a catalog.
  /// - Returns: the workflows of `files` in order, and the faults of `files`.
  package static func check(
    _ files: [(file: String, source: String)], directory: String? = nil
  ) -> (workflows: [Workflow], faults: [WorkflowFault]) {
    var faults: [WorkflowFault] = []
    var family = family(directory, &faults)
    let first = family.members.count
    for file in files {
      family.add(.init(file: file.file, source: file.source, origin: .named))
    }
    var workflows: [Workflow] = []
    for index in first..<family.members.count {
      switch family.workflow(of: index) {
      case .success(let workflow): workflows.append(workflow)
      case .failure(let found): faults += found.faults
      }
    }
    return (workflows, faults)
  }

  private static func family(
    _ directory: String?, _ faults: inout [WorkflowFault]
  ) -> WorkflowFamily {
    var family = WorkflowFamily()
    let asset = aipm_workflow_personal_delegate()
    let bytes = UnsafeBufferPointer(start: asset.bytes, count: asset.size)
    family.add(
      .init(
        file: "workflows/personal-delegate.yaml", source: String(decoding: bytes, as: UTF8.self),
        origin: .builtIn))
    guard let directory else { return family }
    for file in files(in: directory, &faults) {
      guard let source = read(file, &faults) else { continue }
      family.add(.init(file: file, source: source, origin: .folder))
    }
    return family
  }

  /// The workflow of this name; nil if absent.
  package subscript(name: String) -> Workflow? { workflows[name] }

  /// Every workflow, sorted by name.
  package var all: [Workflow] { workflows.values.sorted { $0.name < $1.name } }

  /// A hint for an unknown name.
  package func hint(for name: String) -> String {
    Spelling.hint(for: name, in: Array(workflows.keys))
  }

  private static func files(in directory: String, _ faults: inout [WorkflowFault]) -> [String] {
    do {
      let names = try FileManager.default.contentsOfDirectory(atPath: directory)
      let wanted = names.filter {
        !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml"))
      }
      return wanted.sorted().map {
        directory.hasSuffix("/") ? directory + $0 : "\(directory)/\($0)"
      }
    } catch {
      faults.append(
        WorkflowFault(
          file: directory, line: 1, column: 1,
          message: "the folder of workflows does not exist or cannot be read",
          instead: "name an existing folder with --workflows, or omit the flag"))
      return []
    }
  }

  private static func read(_ file: String, _ faults: inout [WorkflowFault]) -> String? {
    func fault(_ message: String, _ instead: String) {
      faults.append(
        WorkflowFault(file: file, line: 1, column: 1, message: message, instead: instead))
    }
    guard let data = FileManager.default.contents(atPath: file) else {
      fault("the file cannot be read", "check its permissions, or remove it")
      return nil
    }
    guard let source = String(validating: data, as: UTF8.self) else {
      fault("the file is not UTF-8", "save it as UTF-8")
      return nil
    }
    return source
  }
}
