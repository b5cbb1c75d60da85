import Domain
import Engine
import Processes
import SystemCalls
import Text

/// Changes as people look at them: the patch between two commits, and the files that it changes.
extension GitMirrors {
  /// The patch between two commits of the mirror: its first `limit` bytes.
  package func patch(
    _ repository: RepositoryName, _ change: MirrorChange, limit: Int
  ) async throws(MirrorFault) -> [UInt8] {
    let mirror = try await open(repository, with: change)
    let command = Command(
      "git",
      [
        "diff-tree", "-p", "-M", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv",
      ] + (change.ignoresWhitespace ? ["--ignore-all-space"] : [])
        + [change.from.rawValue, change.to.rawValue],
      environment: Git.environment(gitDirectory: mirror), timeout: configuration.localTimeout,
      outputLimit: max(1, limit))
    do {
      let result = try await command.run()
      // The program runs to its end even if its output is cut.
      guard result.succeeded else {
        throw MirrorFault(kind: .local, message: Credentials.masked(result.errorText))
      }
      return result.standardOutput
    } catch let fault as MirrorFault {
      throw fault
    } catch {
      throw MirrorFault(kind: .local, message: "\(error)")
    }
  }

  /// A file that differs between two commits of the mirror. Other files of the repository are not
  /// part of the change, so they are not shown.
  package func file(
    _ path: String, _ side: ChangeSide, of change: MirrorChange, in repository: RepositoryName,
    limit: Int
  ) async throws(MirrorFault) -> ChangedFile {
    let mirror = try await open(repository, with: change)
    // The path is looked for in the whole list. It is no argument of git, which reads patterns.
    let raw = try await local(
      [
        "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", change.from.rawValue,
        change.to.rawValue,
      ], in: mirror)
    guard let blob = Self.blob(of: path, side, in: raw.standardOutput) else { return .absent }
    let size = try await local(["cat-file", "-s", blob], in: mirror).trimmedOutput
    guard let size = Int(size) else {
      throw MirrorFault(kind: .local, message: "git does not tell the size of \(blob)")
    }
    guard size <= limit else { return .tooLarge(bytes: size) }
    return .content(try await local(["cat-file", "blob", blob], in: mirror).standardOutput)
  }

  private func open(
    _ repository: RepositoryName, with change: MirrorChange
  ) async throws(MirrorFault) -> String {
    let mirror = try await open(repository)
    try await putBackForReading(change, of: repository, in: mirror)
    for commit in [change.from, change.to] where !(try await has(commit, in: mirror)) {
      throw MirrorFault(
        kind: .objectMissing, message: "the commit \(commit) is not in the mirror of \(repository)")
    }
    return mirror
  }

  /// The name of a file's content, from `git diff-tree --raw -z`: for each file
  /// `:MODE MODE BLOB BLOB STATUS NUL PATH NUL`, with the values before and after.
  /// - Returns: nil if the file is not in the list, is absent on that side, or is a submodule.
  private static func blob(
    of path: String, _ side: ChangeSide, in raw: [UInt8]
  ) -> String? {
    let fields = raw.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    for index in stride(from: 0, to: fields.count - 1, by: 2) where fields[index + 1] == path {
      let values = fields[index].split(separator: " ")
      guard values.count == 5 else { return nil }
      let (mode, blob) =
        switch side {
        case .before: (values[0].dropFirst(), values[2])
        case .after: (values[1], values[3])
        }
      return ["100644", "100755", "120000"].contains(mode) ? String(blob) : nil
    }
    return nil
  }
}
