// Whether a program has changed a working tree: by the times at which the kernel last changed each
// file's entry, which no program can set.

import Glibc
import SystemCalls

struct TreeChange: Sendable {
  private let tree: String
  private let trash: String
  private let begin: timespec

  private struct Found: Error {}

  /// Begins to look; the program is started afterwards.
  /// - Parameter files: with the tree.
  /// - Returns: nil if the clock of the file system is too coarse.
  init?(_ files: AttemptFiles) async {
    tree = files.tree
    trash = files.trash
    var root = stat()
    guard lstat(tree, &root) == 0 else { return nil }
    // The tree itself may have been moved just now; the clock of the file system moves in steps.
    let path = "\(files.folder)/moment"
    for _ in 0..<50 {
      guard let file = try? OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW) else {
        return nil
      }
      var facts = stat()
      let isKnown = fstat(file.descriptor, &facts) == 0
      unlink(path)
      guard isKnown else { return nil }
      if Self.precedes(root.st_ctim, facts.st_ctim) {
        begin = facts.st_ctim
        return
      }
      do { try await Task.sleep(for: .milliseconds(2)) } catch { return nil }
    }
    return nil
  }

  private static func precedes(_ a: timespec, _ b: timespec) -> Bool {
    (a.tv_sec, a.tv_nsec) < (b.tv_sec, b.tv_nsec)
  }

  /// Whether nothing was changed, outside of the agent's own repository. False if that cannot be
  /// found out.
  func isNothing() async -> Bool {
    do {
      return try await BlockingWork.run { stop in
        var root = stat()
        guard lstat(tree, &root) == 0, Self.precedes(root.st_ctim, begin) else { return false }
        let walk = TreeWalk(root: TreeRoot(path: tree), stop: stop, trash: try Trash(trash))
        try walk.run { entry in
          if entry.path == Array(".git".utf8) { return .leave }
          guard Self.precedes(entry.facts.st_ctim, begin) else { throw Found() }
          return entry.kind == .folder ? .enter : .leave
        }
        return true
      }
    } catch {
      return false
    }
  }
}
