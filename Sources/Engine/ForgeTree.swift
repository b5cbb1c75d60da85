// Files and folders, as the doors speak of them.

import Domain

/// What stands in a folder under a name.
package struct ForgeTreeEntry: Equatable, Sendable {
  /// What it is, by git's modes.
  package enum Kind: Equatable, Sendable { case file, link, folder, submodule }

  package var name: String
  package var kind: Kind
  package var sha: ObjectID

  package init(name: String, kind: Kind, sha: ObjectID) {
    self.name = name
    self.kind = kind
    self.sha = sha
  }
}
