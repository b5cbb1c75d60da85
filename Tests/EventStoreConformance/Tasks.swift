import Domain
import EventLog
import LogStories
import Projections
import Testing

extension EventStoreConformance {
  static let tasks: [ConformanceCheck] = [
    ConformanceCheck("a follow-up is a round of its task", rounds),
    ConformanceCheck("tasks are filtered and counted by what they wait for", filteredTasks),
    ConformanceCheck("tasks are searched by words and phrases", searchedTasks),
    ConformanceCheck("the time of workers is told of ended tasks", workTimes),
  ]

  private static func rounds(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1, number: 7)
    try await subject.tell(2, to: .requested)
    let round = Story.request(
      3,
      kind: .followUp(
        FollowUp(pullRequest: 7, first: Story.id(1), follows: Story.id(1))))
    try await subject.tell([.requested(round)], to: 3)
    let found = try await subject.store.tasks(TaskFilter(), before: nil, limit: 10)
    #expect(found.map(\.row.first) == [1, 2].map(Story.id))
    let task = try #require(found.first)
    #expect(task.row.newest == Story.id(3) && task.newest.row.id == Story.id(3))
    #expect(task.row.rounds == 2 && task.row.phase == .queued && task.row.linesAdded == 30)
    #expect(task.title == "Add export button")
    for n in [1, 3] { #expect(try await subject.store.task(of: Story.id(n)) == task) }
    #expect(try await subject.store.task(of: Story.id(9)) == nil)
    // What was pushed before stays to be reviewed.
    try await subject.tell([Story.failed(.resolveBase, .cancelled)], to: 3, after: 1)
    #expect(try await subject.store.task(of: Story.id(3))?.row.phase == .ready)
    let page = try await subject.store.tasks(
      TaskFilter(), before: Stamp(milliseconds: task.row.newestStamp), limit: 10)
    #expect(page.map(\.row.first) == [Story.id(2)])
  }

  private static func filteredTasks(_ subject: StoreUnderTest) async throws {
    let shop = RepositoryName(owner: "acme", name: "web-shop")
    try await subject.tell(1)
    try await subject.tell(2, to: .requested, request: Story.request(2, repository: shop))
    try await subject.tell([Story.failed(.resolveBase, .cancelled)], to: 2, after: 1)
    try await subject.tell(
      3, to: .requested, request: Story.request(3, repository: shop, requester: "ci"))
    func found(_ change: (inout TaskFilter) -> Void) async throws -> [DelegationID] {
      var filter = TaskFilter()
      change(&filter)
      let tasks = try await subject.store.tasks(filter, before: nil, limit: 10)
      let counts = try await subject.store.taskCounts(filter)
      #expect(counts == Dictionary(grouping: tasks, by: \.row.phase).mapValues(\.count))
      return tasks.map(\.row.first)
    }
    let ids = (0...3).map(Story.id)
    #expect(try await found { _ in } == [ids[3], ids[2], ids[1]])
    #expect(try await found { $0.phases = TaskNeed.you.phases } == [ids[1]])
    #expect(try await found { $0.phases = TaskNeed.done.phases } == [ids[2]])
    #expect(try await found { $0.phases = [.queued] } == [ids[3]])
    #expect(try await found { $0.repository = "WEB-sh" } == [ids[3], ids[2]])
    #expect(try await found { $0.repository = "acme/web-shop" } == [ids[3], ids[2]])
    #expect(try await found { $0.repository = "acme/web" } == [])
    #expect(try await found { $0.requester = "ci" } == [ids[3]])
    #expect(try await found { $0.agent = "nobody" } == [])
    // The first moment is included, and the last one is not.
    let second = Timestamp(milliseconds: Story.stamp(2).milliseconds)
    #expect(try await found { $0.since = second } == [ids[3], ids[2]])
    #expect(try await found { $0.until = second } == [ids[1]])
  }

  private static func searchedTasks(_ subject: StoreUnderTest) async throws {
    for n in 1...3 {
      let text = TaskText(
        title: "Queue item \(n)", objective: "hidden", pullRequestTitle: "hidden",
        constraints: .text(""), acceptanceCriteria: [])
      try await subject.tell(n, to: .requested, request: Story.request(n, text: text))
    }
    func found(_ words: String) async throws -> [DelegationID] {
      var filter = TaskFilter()
      filter.text = words
      return try await subject.store.tasks(filter, before: nil, limit: 10).map(\.row.first)
    }
    // A small number is in every code, which ends a branch too.
    #expect(try await found("queue ITEM 1") == [Story.id(1)])
    #expect(try await found("\"item 2\"") == [Story.id(2)])
    #expect(try await found("\"item queue\"") == [])
    #expect(try await found("item queue").count == 3)
    #expect(try await found("feature/add").count == 3)
    #expect(try await found(Story.stamp(3).confirmationCode) == [Story.id(3)])
    #expect(try await found("hidden") == [])
  }

  private static func workTimes(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1)
    try await subject.tell(2, to: .dispatched)
    let log = try await subject.log()
    func time(_ type: String) throws -> Int64 {
      try #require(log.first { $0.event.name == type }).time.milliseconds
    }
    let times = try await subject.store.workTimes(since: Timestamp(milliseconds: 0), limit: 10)
    let span = try time("delegation.generated") - time("delegation.dispatched")
    #expect(times == [WorkTime(agent: "demo", span: Milliseconds(span))])
    let later = Timestamp(milliseconds: Story.stamp(1).milliseconds + 1)
    #expect(try await subject.store.workTimes(since: later, limit: 10).isEmpty)
  }
}
