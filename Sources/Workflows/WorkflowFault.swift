// Faults of a definition, told so that a person can mend them all in one go.

/// One thing that is wrong with a workflow definition.
package struct WorkflowFault: Equatable, Sendable, CustomStringConvertible {
  /// The file as it was named by whoever read it.
  package var file: String
  /// Counted from 1.
  package var line: Int
  /// Counted from 1, in Unicode scalars.
  package var column: Int
  /// What is wrong.
  package var message: String
  /// What to write instead.
  package var instead: String

  package init(file: String, line: Int, column: Int, message: String, instead: String) {
    self.file = file
    self.line = line
    self.column = column
    self.message = message
    self.instead = instead
  }

  /// `FILE:LINE:COLUMN: WHAT IS WRONG; WHAT TO WRITE INSTEAD`, as compilers tell it.
  package var description: String { "\(file):\(line):\(column): \(message); \(instead)" }
}

/// Every fault that was found, in the order of files and lines.
package struct WorkflowFaults: Error, Equatable, Sendable, CustomStringConvertible {
  package var faults: [WorkflowFault]

  package init(_ faults: [WorkflowFault]) { self.faults = faults }

  /// One fault a line.
  package var description: String { faults.map(\.description).joined(separator: "\n") }
}
