import EventLog
import Projections
import SQLite

/// The views that are missing in a database, or have another version than this program's.
struct OutdatedViews {
  private let views: [any ViewRow.Type]
  private let path: String
  private let database: Database

  /// - Parameter path: the path of the file of `database`.
  init(path: String, database: Database) throws {
    self.path = path
    self.database = database
    views = try ViewTables.outdated(in: database)
  }

  /// Builds the views from the whole log, in one transaction, and creates the missing indexes of
  /// all views. Hashes are not checked: a corrupt log is shown too.
  /// - Parameter onProgress: called before the first event and from time to time; not called if
  ///   there is no event to fold.
  func build(_ onProgress: (ViewBuild) -> Void) throws {
    if !views.isEmpty {
      let file = try LogFile(path: path)
      var build = ViewBuild(views: views.map { $0.name }, events: try file.head().position)
      if build.events > 0 { onProgress(build) }
      let fold = try file.fold(isChecking: false) {
        build.folded = $0
        onProgress(build)
      }
      try database.transaction { try replace(by: fold) }
    }
    for view in allViews { try ViewTables.createIndexes(of: view, in: database) }
  }

  private func replace(by fold: LogFold) throws {
    for view in views {
      try ViewTables.drop(view, in: database)
      try ViewTables.create(view, in: database)
    }
    for row in fold.projector.rows(of: views) { try ViewTables.put(row, in: database) }
    let names = Set(views.map { $0.name })
    try ViewTables.put(
      fold.projector.digests.filter { names.contains($0.key) }, position: fold.head.position,
      in: database)
  }
}
