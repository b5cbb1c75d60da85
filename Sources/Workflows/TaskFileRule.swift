// The path of the task's file on a branch, and its restoration.

import Domain

/// The rule for the task's file.
package struct TaskFileRule: Equatable, Sendable {
  /// What the generated commit does with it.
  package enum After: String, CaseIterable, Sendable {
    /// Restores the base branch's version.
    case restore
    /// Leaves it unchanged.
    case keep
  }

  /// From the repository's root; may contain `{{confirmationCode}}`.
  var path = "TASK.md"
  package var after = After.restore

  static let codeMark = "{{confirmationCode}}"
  /// A length that GitHub and every file system accept.
  private static let pathBytesMax = 200

  /// The path for one delegation.
  package func path(for requested: Requested) -> String {
    // Most paths have no variable, and it is asked for several times in each delegation.
    guard path.utf8.contains(UInt8(ascii: "{")) else { return path }
    return path.split(separator: Self.codeMark, omittingEmptySubsequences: false)
      .joined(separator: requested.stamp.confirmationCode)
  }

  /// Why a path is invalid, and what to write instead.
  static func fault(_ path: String) -> (message: String, instead: String)? {
    let plain = path.split(separator: codeMark, omittingEmptySubsequences: false).joined()
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    if parts.contains(where: { ["", ".", ".."].contains($0) || $0.lowercased() == ".git" }) {
      return (
        "\"\(path)\" is not a path within a repository",
        "write it from the repository's root with no / first, as in docs/TASK.md"
      )
    }
    let odd = Set("{}\\*?:\u{7f}".utf8)
    let isOdd = plain.utf8.contains { $0 < 0x20 || odd.contains($0) }
    if isOdd || path.utf8.count > pathBytesMax {
      return (
        "\"\(path)\" cannot be the name of the task's file",
        "write at most \(pathBytesMax) bytes without * ? : \\ { }; "
          + "{{confirmationCode}} is the one variable"
      )
    }
    return nil
  }
}

extension Workflow {
  /// The file that a delegation's generated commit restores; nil if it is kept, or if AIPM made
  /// none.
  package func restoredTaskFile(_ requested: Requested) -> String? {
    guard taskFileRule.after == .restore else { return nil }
    switch requested.kind {
    case .delegate: return taskFileRule.path(for: requested)
    case .adopt: return nil
    case .followUp(let followUp):
      guard let taskFile = followUp.taskFile else { return nil }
      var first = requested
      first.stamp = taskFile.stamp
      return taskFileRule.path(for: first)
    }
  }
}

extension DefinitionReader {
  mutating func taskFileRule(_ all: Fields) -> TaskFileRule {
    var rule = TaskFileRule()
    guard let fields = fields(all["task-file"], keys: ["path", "after"]) else { return rule }
    if let path = line(fields["path"]) {
      if let fault = TaskFileRule.fault(path) {
        note(fields["path"]?.position, "task-file.path: \(fault.message)", fault.instead)
      } else {
        rule.path = path
      }
    }
    if let field = fields["after"], let value = line(field) {
      if let after = TaskFileRule.After(rawValue: value) {
        rule.after = after
      } else {
        let known = TaskFileRule.After.allCases.map(\.rawValue)
        note(field, "is \"\(value)\"", "write \(known.joined(separator: " or "))")
      }
    }
    return rule
  }
}
