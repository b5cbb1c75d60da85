import Workflows

/// Runs worlds of many seeds, some at a time.
package struct Seeds: Sendable {
  package var settings: World.Settings
  package var workflow: Workflow

  package init(settings: World.Settings = .init(), workflow: Workflow) {
    self.settings = settings
    self.workflow = workflow
  }

  /// One seed's world, from its beginning to its end.
  package func run(_ seed: Int) throws(Violation) -> Report {
    try World(seed: seed, settings: settings, workflow: workflow).run()
  }

  /// - Parameters:
  ///   - width: how many run side by side.
  ///   - each: told of every seed, in the order in which they end.
  package func run(
    _ seeds: Range<Int>, width: Int, each: (Int, Result<Report, Violation>) -> Void
  ) async {
    await withTaskGroup(of: (Int, Result<Report, Violation>).self) { group in
      var rest = seeds[...]
      func add() {
        guard let seed = rest.popFirst() else { return }
        group.addTask { (seed, Result { () throws(Violation) in try run(seed) }) }
      }
      for _ in 0..<max(1, width) { add() }
      for await (seed, result) in group {
        each(seed, result)
        add()
      }
    }
  }
}
