// Faults of a definition, reported all at once, each with its position and its correction.

/// One fault of a workflow definition.
package struct WorkflowFault: Equatable, Sendable, CustomStringConvertible {
  /// The file's name, as given to the reader.
  package var file: String
  /// Counted from 1.
  package var line: Int
  /// Counted from 1, in Unicode scalars.
  package var column: Int
  /// The problem.
  package var message: String
  /// What to write instead.
  package var instead: String

  /// `FILE:LINE:COLUMN: PROBLEM; WHAT TO WRITE INSTEAD`, as compilers print it.
  package var description: String { "\(file):\(line):\(column): \(message); \(instead)" }
}

/// All faults, in the order of files and lines.
package struct WorkflowFaults: Error, Equatable, Sendable, CustomStringConvertible {
  package var faults: [WorkflowFault]

  package init(_ faults: [WorkflowFault]) { self.faults = faults }

  /// One fault per line.
  package var description: String { faults.map(\.description).joined(separator: "\n") }
}
