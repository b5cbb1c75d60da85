// Rules that a worker checks when it collects a change.

/// A file that a commit restores from another commit.
package struct RestoredFile: Codable, Equatable, Sendable {
  /// The path from the repository's root.
  package var path: String
  /// The commit to restore from.
  package var base: String
  package init(path: String, base: String) {
    self.path = path
    self.base = base
  }
}

/// A branch and a commit on it.
package struct BaseBranch: Codable, Equatable, Sendable {
  package var name: String
  package var commit: String
  package init(name: String, commit: String) {
    self.name = name
    self.commit = commit
  }
}

/// The largest generated change. A worker refuses a larger one before it is packed.
package struct ChangeLimits: Codable, Equatable, Sendable {
  /// The most files that it may change.
  package var filesMax: Int
  /// The bytes of all added or changed files.
  package var bytesMax: Int
  package init(filesMax: Int, bytesMax: Int) {
    self.filesMax = filesMax
    self.bytesMax = bytesMax
  }
}
