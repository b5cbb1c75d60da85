import EventLog
import Processes

/// A commit as git tells of it.
package struct GitCommit: Equatable, Sendable {
  package var sha: String
  package var parents: [String]
  package var message: String
  package var files: [String]
}

/// A bare repository on disk.
package struct BareRepository: Sendable {
  package let path: String
  package init(_ path: String) { self.path = path }

  package func git(_ arguments: [String]) async throws -> String {
    let result = try await Command("git", ["--git-dir", path] + arguments, timeout: .seconds(60))
      .run()
    guard result.succeeded else {
      throw KitFault("git \(arguments.joined(separator: " ")): \(result.errorText)")
    }
    return result.outputText
  }

  package func branches() async throws -> [String] {
    try await git(["for-each-ref", "--format=%(refname:short)", "refs/heads"])
      .split(separator: "\n").map { String($0) }
  }

  /// The commits of `branch` that `base` has not, oldest first.
  package func commits(of branch: String, beyond base: String) async throws -> [GitCommit] {
    let shas = try await git(["rev-list", "--reverse", "\(base)..\(branch)"]).split(separator: "\n")
    var commits: [GitCommit] = []
    for sha in shas {
      let text = try await git(["show", "--no-patch", "--format=%P%n%B", String(sha)])
      let parts = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
      var message = parts.count > 1 ? String(parts[1]) : ""
      while message.last == "\n" { message.removeLast() }
      let files = try await git(["diff-tree", "--no-commit-id", "--name-only", "-r", String(sha)])
      commits.append(
        GitCommit(
          sha: String(sha), parents: parts[0].split(separator: " ").map { String($0) },
          message: message, files: files.split(separator: "\n").map { String($0) }))
    }
    return commits
  }

  package func file(_ path: String, at revision: String) async throws -> String {
    try await git(["show", "\(revision):\(path)"])
  }
}

extension Installation {
  /// A local git repository with these files, in one commit.
  /// - Returns: its path.
  package func makeRepository(
    _ name: String = "sample", branch: String = "main",
    files: [String: String] = ["README.md": "#\n"]
  ) async throws -> String {
    let path = "\(folder)/\(name)"
    var script = "set -e; git init -q -b \"$1\" \"$0\"; cd \"$0\"\n"
    for (file, _) in files.sorted(by: { $0.key < $1.key }) {
      script += "mkdir -p \"$(dirname \"\(file)\")\"\n"
      script += "printf '%s' \"$F_\(Self.variable(file))\" > \"\(file)\"\n"
    }
    script += "git add -A; git -c user.name=A -c user.email=a@b commit -q -m first\n"
    var environment = Program.plainEnvironment
    for (file, text) in files { environment["F_\(Self.variable(file))"] = text }
    let result = try await Command(
      "sh", ["-c", script, path, branch], environment: environment, workingDirectory: folder,
      timeout: .seconds(60)
    ).run()
    guard result.succeeded else { throw KitFault("making \(name): \(result.errorText)") }
    return path
  }

  private static func variable(_ path: String) -> String {
    String(path.map { $0.isLetter || $0.isNumber ? $0 : "_" })
  }

  /// Puts a repository into the embedded forge, by the command that users have.
  @discardableResult
  package func createRepository(
    _ name: String = "acme/tools", from path: String? = nil, root: String? = nil
  ) async throws -> BareRepository {
    let root = root ?? "\(data)/forge"
    let result = try await aipm(
      ["forge", "create", "--root", root] + (path.map { ["--from", $0] } ?? []) + ["--", name])
    guard result.succeeded else { throw KitFault("forge create: \(result.errorText)") }
    return BareRepository("\(root)/\(name).git")
  }
}
