import Domain
import Engine
import FoundationEssentials
import Processes

// Limits what a fetch brings into a mirror. A repository is not trusted: it may contain names that
// some file system treats as `.git`, or more data than the disk has room for.

enum FetchGuard {
  /// Git's checks of all fetched objects, except for harmless faults of old tools: unusual dates,
  /// names and addresses, and modes with an extra zero. Histories with them cannot be rewritten. A
  /// worker's commit is checked without exception. Everything is fetched as a pack, so that its
  /// size is known.
  static let settings: [(key: String, value: String)] =
    [("transfer.fsckObjects", "true"), ("fetch.unpackLimit", "1")]
    + [
      "badDate", "badDateOverflow", "badEmail", "badFilemode", "badName", "badTagName",
      "badTimezone", "emptyName", "extraHeaderEntry", "gitattributesLineLength", "gitmodulesParse",
      "missingEmail", "missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
      "missingTaggerEntry", "multipleAuthors", "nulInCommit", "nullSha1", "zeroPaddedDate",
      "zeroPaddedFilemode",
    ].map { ("fetch.fsck.\($0)", "ignore") }

  /// The fault of a fetch whose content is refused; nil if the fetch failed for another reason.
  /// - Parameter largest: the size of the largest pack that it began, in bytes.
  static func fault(
    _ fault: GitFault, _ repository: RepositoryName, largest: Int, limit: Int
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
    // Git's own line. The forge's lines begin with `remote:`.
    let isRefused = fault.standardError.utf8.split(separator: 10).contains {
      $0.starts(with: "fatal: fsck error in packed object".utf8)
    }
    guard isRefused else { return nil }
    return MirrorFault(
      kind: .refused,
      message: "git's checks refuse what \(repository) holds: \(fault)",
      hint:
        "An object of the branch's history could harm the machine that checks it out: look at it "
        + "with git fsck.")
  }

  /// Whether a fetch brought nothing because the forge's repository is shallow. Git only warns
  /// about that (2.39, builtin/fetch.c).
  static func isFromShallow(_ output: String) -> Bool {
    output.utf8.split(separator: 10).contains { line in
      line.starts(with: "warning: rejected ".utf8)
        && line.suffix(43).elementsEqual("shallow roots are not allowed to be updated".utf8)
    }
  }
}

extension MirrorFolder {
  /// Removes all unfinished packs.
  /// - Returns: the size of the largest one, in bytes.
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
