// What a worker looks after when it takes a change in.

/// A file that a commit puts back as another commit has it.
package struct RestoredFile: Codable, Equatable, Sendable {
  /// From the repository's root.
  package var path: String
  /// The commit.
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

/// How large a generated change may be. A worker refuses a larger one before it is packed.
package struct ChangeLimits: Codable, Equatable, Sendable {
  /// How many files it may touch.
  package var filesMax: Int
  /// The bytes of all files that it adds or changes.
  package var bytesMax: Int
  package init(filesMax: Int, bytesMax: Int) {
    self.filesMax = filesMax
    self.bytesMax = bytesMax
  }
}
