// Repositories in the database. A repository exists if its folder does; its row is added when the
// folder is first seen.

import SQLite

extension ForgeStore {
  private static let columns = """
    id, folder, owner, name, description, private, archived, disabled, drafts, writable, protected,
    created_at, updated_at, pushed_at
    """

  func repositories() throws -> [RepositoryRecord] {
    try rows("SELECT \(Self.columns) FROM repositories ORDER BY owner, name", [], record)
  }

  func repository(owner: String, name: String) throws -> RepositoryRecord? {
    try rows(
      "SELECT \(Self.columns) FROM repositories WHERE owner=? AND name=?",
      [.text(owner), .text(name)], record
    ).first
  }

  /// The row of a folder; it replaces the row of an earlier folder with this name.
  func adopt(owner: String, name: String, folder: String, settings: RepositorySettings) throws
    -> RepositoryRecord
  {
    if let known = try repository(owner: owner, name: name) {
      if known.folderID == folder { return known }
      try database.run("DELETE FROM repositories WHERE id=?", .integer(known.id))
    }
    let now = SQLiteValue.integer(Self.now)
    return try row(
      """
      INSERT INTO repositories(folder, owner, name, description, private, archived, disabled,
        drafts, writable, protected, created_at, updated_at, pushed_at)
      VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING \(Self.columns)
      """, [.text(folder), .text(owner), .text(name)] + values(settings) + [now, now, now], record)
  }

  func forget(repository id: Int64) throws {
    try database.run("DELETE FROM repositories WHERE id=?", .integer(id))
  }

  func setSettings(_ settings: RepositorySettings, of id: Int64) throws {
    _ = try rows(
      """
      UPDATE repositories SET description=?, private=?, archived=?, disabled=?, drafts=?,
        writable=?, protected=?, updated_at=? WHERE id=?
      """, values(settings) + [.integer(Self.now), .integer(id)], record)
  }

  func notePush(to id: Int64) throws {
    let now = SQLiteValue.integer(Self.now)
    try database.run(
      "UPDATE repositories SET pushed_at=?, updated_at=? WHERE id=?", now, now, .integer(id))
  }

  private func values(_ settings: RepositorySettings) -> [SQLiteValue] {
    let flags = [
      settings.isPrivate, settings.isArchived, settings.isDisabled, settings.allowsDrafts,
      settings.allowsWriting,
    ]
    return [.optional(settings.description)] + flags.map { .integer($0 ? 1 : 0) }
      + [.text(settings.protectedBranches.joined(separator: "\n"))]
  }

  private func record(_ row: Statement) -> RepositoryRecord {
    var settings = RepositorySettings()
    settings.description = row.text(4)
    settings.isPrivate = row.integer(5) != 0
    settings.isArchived = row.integer(6) != 0
    settings.isDisabled = row.integer(7) != 0
    settings.allowsDrafts = row.integer(8) != 0
    settings.allowsWriting = row.integer(9) != 0
    settings.protectedBranches = (row.text(10) ?? "").split(separator: "\n").map(String.init)
    return RepositoryRecord(
      id: row.integer(0), folderID: row.text(1) ?? "", owner: row.text(2) ?? "",
      name: row.text(3) ?? "", settings: settings, createdAt: row.integer(11),
      updatedAt: row.integer(12), pushedAt: row.integer(13))
  }
}
