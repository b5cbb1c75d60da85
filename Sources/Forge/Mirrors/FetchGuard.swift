import Domain
import Engine
import FoundationEssentials
import Processes

// What a repository may bring into its mirror. Nobody has looked at it: it may hold names that are
// `.git` to some file system, or more than the disk does.

enum FetchGuard {
  /// git's checks of all that comes, but for what old tools wrote and what harms nobody: dates,
  /// names and addresses in odd forms, and modes with a zero too many. These are in histories that
  /// cannot be written anew; a worker's commit is checked without exception. All that comes is a
  /// pack, so that its size is known.
  static let settings: [(key: String, value: String)] =
    [("transfer.fsckObjects", "true"), ("fetch.unpackLimit", "1")]
    + [
      "badDate", "badDateOverflow", "badEmail", "badFilemode", "badName", "badTagName",
      "badTimezone", "emptyName", "extraHeaderEntry", "gitattributesLineLength", "gitmodulesParse",
      "missingEmail", "missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
      "missingTaggerEntry", "multipleAuthors", "nulInCommit", "nullSha1", "zeroPaddedDate",
      "zeroPaddedFilemode",
    ].map { ("fetch.fsck.\($0)", "ignore") }

  /// The fault of a fetch that brought what is taken from nobody; nil where it was another.
  /// - Parameter largest: the largest pack that it has begun, in bytes.
  static func fault(
    _ fault: CommandFault, _ repository: RepositoryName, largest: Int, limit: Int
  ) -> MirrorFault? {
    guard fault.exitCode != nil else { return nil }
    if largest >= limit {
      return MirrorFault(
        kind: .refused,
        message: "\(repository) is larger than \(limit >> 20) MiB, packed",
        hint: "Raise the limit of a mirror, or delegate on a smaller repository.")
    }
    if isFromShallow(fault.standardError) {
      return MirrorFault(
        kind: .refused,
        message: "the forge's copy of \(repository) is shallow: it lacks the older commits",
        hint: "Have it made whole, with git fetch --unshallow on the forge.")
    }
    // git's own line; what the forge says stands after `remote:`.
    let isRefused = fault.standardError.utf8.split(separator: 10).contains {
      $0.starts(with: "fatal: fsck error in packed object".utf8)
    }
    guard isRefused else { return nil }
    return MirrorFault(
      kind: .refused,
      message: "git's checks refuse what \(repository) holds: \(fault)",
      hint: "An object of the branch's history could harm whoever checks it out: look at it with "
        + "git fsck.")
  }
}

extension FetchGuard {
  /// Whether a fetch brought nothing since the other side's repository is shallow. git tells of it
  /// by a warning alone (2.39, builtin/fetch.c).
  static func isFromShallow(_ said: String) -> Bool {
    said.utf8.split(separator: 10).contains { line in
      line.starts(with: "warning: rejected ".utf8)
        && line.suffix(43).elementsEqual("shallow roots are not allowed to be updated".utf8)
    }
  }
}

extension MirrorFolder {
  /// The size of the largest pack that was begun and not finished, in bytes; all of them go.
  func takeUnfinishedPacks() -> Int {
    let folder = "\(path)/objects/pack"
    var largest = 0
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix("tmp_") {
      largest = max(largest, Self.size(ofFile: "\(folder)/\(name)") ?? 0)
      try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
    }
    return largest
  }
}
