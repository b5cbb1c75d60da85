import Domain
import EventLog
import Projections
import Terminal
import Text

/// Delegations as a table for people.
struct DelegationsShown {
  private struct Entry {
    var item: JSONValue
    /// nil if it is the only delegation of its pull request.
    var rounds: PullRequestRounds?
    /// Lines above it: the title of a group that begins with it.
    var above: [String] = []
  }

  /// Delegations under a title.
  struct Group {
    var title: String
    var items: [JSONValue]
  }

  private static let readersMax = 4
  private let entries: [Entry]

  /// Each delegation has its own row.
  init(_ items: [JSONValue]) { entries = items.map { Entry(item: $0) } }

  /// Delegations of one pull request have one row, that of the newest one.
  init(joining items: [JSONValue], _ api: ServerAPI) async throws {
    try await self.init(joining: [Group(title: "", items: items)], api)
  }

  /// The same in groups; a title that is empty is not shown.
  init(joining groups: [Group], _ api: ServerAPI) async throws {
    let items = groups.flatMap(\.items)
    let joined = Set(
      items.filter { $0["follows"].stringValue != nil }.map(\.pullRequestName))
    let rounds = try await Self.rounds(
      of: items.filter { joined.contains($0.pullRequestName) }, api)
    var seen: Set<String> = []
    var entries: [Entry] = []
    for group in groups {
      let shown = group.items.filter { item in
        let name = item.pullRequestName
        return !joined.contains(name) || seen.insert(name).inserted
      }
      for (index, item) in shown.enumerated() {
        var entry = Entry(item: item, rounds: rounds[item.pullRequestName])
        if index == 0, !group.title.isEmpty {
          entry.above = (entries.isEmpty ? [] : [""]) + [Style.bold.on(group.title)]
        }
        entries.append(entry)
      }
    }
    self.entries = entries
  }

  /// Reads the rounds of pull requests, a few at once.
  private static func rounds(
    of items: [JSONValue], _ api: ServerAPI
  ) async throws -> [String: PullRequestRounds] {
    try await withThrowingTaskGroup(of: (String, PullRequestRounds).self) { group in
      var found: [String: PullRequestRounds] = [:]
      var seen: Set<String> = []
      let newest = items.filter { seen.insert($0.pullRequestName).inserted }
      for (index, item) in newest.enumerated() {
        if index >= readersMax, let (name, rounds) = try await group.next() { found[name] = rounds }
        let path = try ServerAPI.path("/api/pull-requests", item["id"].stringValue ?? "")
        let name = item.pullRequestName
        group.addTask { (name, PullRequestRounds(try await api.get(path))) }
      }
      for try await (name, rounds) in group { found[name] = rounds }
      return found
    }
  }

  /// Prints the table, with the rounds below their pull request.
  func tell() {
    let rows = entries.map { entry in
      let item = entry.item
      let agent = Terminal.isNarrow ? [] : [item["agent"].safeText ?? "-"]
      return [
        item["confirmationCode"].safeText ?? "", item.delegationWord, item.pullRequestName,
        List.age(item["requestedAt"]),
      ] + agent + [entry.rounds?.title ?? item["taskTitle"].words]
    }
    let titles =
      ["CODE", "STATE", "PULL REQUEST", "AGE"] + (Terminal.isNarrow ? [] : ["AGENT"]) + ["TITLE"]
    Terminal.table(
      titles, rows,
      style: { row, column in
        column == 1 ? TaskPhase(entries[row].item)?.style : nil
      },
      above: { row in entries[row].above },
      below: { row in (entries[row].rounds?.lines ?? []).map { "  " + $0 } })
  }
}
