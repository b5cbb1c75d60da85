import Domain
import EventLog
import Foundation
import LogStories
import Projections
import SQLiteEventStore
import Testing
import Text

/// The built program, run on real data folders.
struct ReplayTests {
  @Test func aPlainFold() async throws {
    let data = try await DataFolder()
    let run = try await ReplayProgram.run("--data", data.path)
    #expect(run.code == 0 && run.errors.isEmpty)
    let hash = Hex.encode(data.events.last?.hash ?? [])
    #expect(run.output.contains("hash chain checked"))
    #expect(run.lines[0].hasPrefix("events         16 in "))
    #expect(run.lines[1] == "head           16 \(hash)")
    #expect(
      run.lines.dropFirst(2).map { $0.suffix(8) } == [
        "(2 rows)", "(2 rows)", "(1 rows)", "(1 rows)", "(1 rows)", "(2 rows)",
      ])
    #expect(run.lines.count == 8)
  }

  @Test func theFolderMayStandInTheEnvironment() async throws {
    let data = try await DataFolder()
    let run = try await ReplayProgram.run(environment: ["AIPM_DATA": data.path])
    #expect(run.code == 0 && run.lines[0].hasPrefix("events         16"))
  }

  @Test func theResultAsOneObject() async throws {
    let data = try await DataFolder()
    let run = try await ReplayProgram.run("--data", data.path, "--json")
    let object = try #require(try run.json().objectValue)
    #expect(object["events"] == .integer(16))
    #expect(object["seconds"] != nil && object["eventsPerSecond"] != nil)
    #expect(object["head"]?.objectValue?["position"] == .integer(16))
    #expect(
      object["head"]?.objectValue?["hash"]
        == .string(Hex.encode(data.events.last?.hash ?? [])))
    #expect(
      object["views"]?.objectValue?.keys.sorted()
        == ["delegations", "pull-requests", "repository-usage", "tasks", "usage", "workers"])
    #expect(object["differences"] == .array([]) && object["faults"] == .array([]))
    #expect(object["identical"] == nil)
    let live = try LogFile(path: data.path + "/aipm.db").storedDigests()
    for (view, digest) in live.digests {
      #expect(object["views"]?.objectValue?[view.rawValue] == .string(digest.hex))
    }
  }

  @Test func liveViewsThatAreTheLogs() async throws {
    let data = try await DataFolder()
    let run = try await ReplayProgram.run("--data", data.path, "--verify")
    #expect(run.code == 0 && run.lines.last == "identical")
    let json = try await ReplayProgram.run("--data", data.path, "--verify", "--json")
    #expect(json.code == 0)
    #expect(try json.json().objectValue?["identical"] == .bool(true))
  }

  @Test func aRowThatWasEditedIsNamed() async throws {
    let data = try await DataFolder()
    let id = Story.id(2).rawValue
    try data.edit("UPDATE delegations SET state = 'Pushed' WHERE id = '\(id)'")
    let run = try await ReplayProgram.run("--data", data.path, "--verify")
    #expect(run.code == 1 && run.lines.last == "NOT identical")
    let start = try #require(
      run.lines.firstIndex(of: "delegations \(id): last changed by event 16"))
    #expect(run.lines[start + 1].hasPrefix("  folded: {"))
    #expect(run.lines[start + 1].contains("\"state\":\"Dispatched\""))
    #expect(run.lines[start + 2].hasPrefix("  live:   {"))
    #expect(run.lines[start + 2].contains("\"state\":\"Pushed\""))
    #expect(run.errors.contains("the kept digest of delegations is not that of its rows"))

    let json = try await ReplayProgram.run("--data", data.path, "--verify", "--json")
    #expect(json.code == 1)
    let object = try json.json().objectValue
    #expect(object?["identical"] == .bool(false))
    let difference = object?["differences"]?.arrayValue?.first?.objectValue
    #expect(difference?["row"] == .string(id) && difference?["lastEvent"] == .integer(16))
    #expect(difference?["folded"]?.objectValue?["state"] == .string("Dispatched"))
    #expect(difference?["live"]?.objectValue?["state"] == .string("Pushed"))
  }

  @Test func rowsThatAreTooManyOrMissing() async throws {
    let data = try await DataFolder()
    try data.edit(
      """
      DELETE FROM pull_requests WHERE number = 101;
      INSERT INTO workers VALUES ('ghost','idle','h','[]','1',1,0,NULL,0,0)
      """)
    let run = try await ReplayProgram.run("--data", data.path, "--verify")
    #expect(run.code == 1)
    #expect(run.lines.contains("pull-requests ebaejun/tools#101: last changed by event 10"))
    #expect(run.lines.contains("  live:   no such row"))
    #expect(run.lines.contains("workers ghost: no event made it"))
    #expect(run.lines.contains("  folded: no such row"))
  }

  @Test func anEventThatWasChangedIsNamed() async throws {
    let data = try await DataFolder()
    try data.edit("UPDATE events SET actor = 'mallory' WHERE position = 5")
    let run = try await ReplayProgram.run("--data", data.path)
    #expect(run.code == 1)
    #expect(run.errors == "aipm-replay: event 5 was changed: its values do not fit its hash\n")
    let unchecked = try await ReplayProgram.run("--data", data.path, "--no-check")
    #expect(unchecked.code == 0 && unchecked.output.contains("not checked"))
  }

  @Test func aServerThatWritesIsNoHindrance() async throws {
    let data = try await DataFolder()
    let clock = HandClock(Story.start + .seconds(100))
    let store = try SQLiteEventStore.open(
      directory: data.path, clock: { clock.now }, onCommit: { _ in })
    _ = try await store.append(Story.append(Story.goodDay(99), to: 99))
    let writing = Task {
      for n in 100..<100_000 where !Task.isCancelled {
        _ = try await store.append(Story.append(Story.goodDay(n), to: n))
      }
    }
    for _ in 0..<4 {
      let run = try await ReplayProgram.run("--data", data.path, "--verify", "--json")
      #expect(run.code == 0, "\(run.errors)")
      #expect(try run.json().objectValue?["identical"] == .bool(true))
    }
    writing.cancel()
    try await writing.value
    #expect(try await store.head().position > 25)
    await store.close()
  }

  @Test func theStateAsOfThen() async throws {
    let data = try await DataFolder()
    func state(_ until: String) async throws -> [String] {
      let run = try await ReplayProgram.run(
        "--data", data.path, "--until", until, "--view", "delegations", "--json")
      #expect(run.code == 0)
      let items = try run.json().objectValue?["items"]?.arrayValue ?? []
      return items.compactMap { $0.objectValue?["state"]?.stringValue }
    }
    #expect(try await state("0") == [])
    #expect(try await state("2") == ["Requested"])
    #expect(try await state("8") == ["Generating"])
    #expect(try await state("13") == ["Pushed", "BranchCreated"])
    #expect(try await state("99") == ["Pushed", "Dispatched"])
    let time = data.events[7].time.iso8601
    #expect(try await state(time) == ["Generating"])
    #expect(try await state("2001-01-01") == [])
  }

  @Test func viewsAsTables() async throws {
    let data = try await DataFolder()
    let delegations = try await ReplayProgram.run("--data", data.path, "--view", "delegations")
    #expect(delegations.code == 0 && delegations.lines.count == 3)
    #expect(delegations.lines[0].hasPrefix("CODE"))
    #expect(delegations.lines[1].contains(Story.stamp(1).confirmationCode))
    #expect(delegations.lines[1].contains("Pushed") && delegations.lines[2].contains("Dispatched"))
    let pulls = try await ReplayProgram.run("--data", data.path, "--view", "pull-requests")
    #expect(pulls.lines[1].hasPrefix("ebaejun/tools#101") && pulls.lines.count == 3)
    let workers = try await ReplayProgram.run("--data", data.path, "--view", "workers")
    #expect(workers.lines.count == 2)
    #expect(workers.lines[1].contains("busy") && workers.lines[1].contains(Story.id(2).rawValue))
    let usage = try await ReplayProgram.run("--data", data.path, "--view", "repository-usage")
    let words = usage.lines.map { $0.split(separator: " ").map(String.init) }
    #expect(
      words == [
        [
          "REPOSITORY", "MONTH", "ATTEMPTS", "GENERATIONS", "DURATION", "LINES_ADDED",
          "LINES_REMOVED", "PUSHED", "FAILED", "INPUT_TOKENS", "OUTPUT_TOKENS", "CACHED_TOKENS",
          "COST_MICRODOLLARS", "MILLICREDITS",
        ],
        ["ebaejun/tools", "2024-12", "2", "1", "12000", "30", "4", "1", "0"]
          + Array(repeating: "-", count: 5),
      ])
    let json = try await ReplayProgram.run("--data", data.path, "--view", "workers", "--json")
    let object = try json.json().objectValue
    #expect(object?["position"] == .integer(16) && object?["view"] == .string("workers"))
    #expect(object?["items"]?.arrayValue?.first?.objectValue?["state"] == .string("busy"))
  }

  @Test(arguments: [
    Story.id(1).rawValue, Story.stamp(1).confirmationCode, "ebaejun/tools#101",
  ])
  func oneDelegationEventByEvent(reference: String) async throws {
    let data = try await DataFolder()
    let run = try await ReplayProgram.run("--data", data.path, "--delegation", reference)
    #expect(run.code == 0)
    let code = Story.stamp(1).confirmationCode
    #expect(run.lines[0] == "delegation \(Story.id(1)) \(code)")
    let steps = run.lines.dropFirst(2).map {
      $0.split(separator: " ").suffix(3).map(String.init)
    }
    #expect(
      steps == [
        ["delegation.requested", "Requested", "resolve-base"],
        ["delegation.base-resolved", "Requested", "create-branch"],
        ["delegation.branch-created", "BranchCreated", "commit-task"],
        ["delegation.task-committed", "TaskCommitted", "open-pull-request"],
        ["delegation.pr-created", "PRCreated", "dispatch"],
        ["delegation.dispatched", "Dispatched", "generate"],
        ["delegation.generating", "Generating", "generate"],
        ["delegation.generated", "Generating", "push"],
        ["delegation.pushed", "Pushed", "-"],
      ])
    let part = try await ReplayProgram.run(
      "--data", data.path, "--delegation", reference, "--until", "4", "--json")
    let items = try part.json().objectValue?["items"]?.arrayValue ?? []
    #expect(items.count == 3)
    #expect(items.last?.objectValue?["nextIntent"] == .string("commit-task"))
    #expect(items.last?.objectValue?["position"] == .integer(4))
  }

  @Test func anExportInPlaceOfAFolder() async throws {
    let data = try await DataFolder()
    let file = try data.export(to: "log.jsonl")
    let folder = try await ReplayProgram.run("--data", data.path, "--json").json().objectValue
    let run = try await ReplayProgram.run("--log", file, "--json")
    #expect(run.code == 0)
    let export = try run.json().objectValue
    #expect(export?["views"] == folder?["views"] && export?["head"] == folder?["head"])
    let one = try await ReplayProgram.run("--log", file, "--delegation", "ebaejun/tools#102")
    #expect(one.code == 0 && one.lines.count == 8)

    let changed = try data.export(to: "changed.jsonl") {
      $0[2] = $0[2].replacing("\"main\"", with: "\"evil\"")
    }
    let forged = try await ReplayProgram.run("--log", changed)
    #expect(forged.code == 1 && forged.errors.contains("event 3 was changed"))
    let cut = try data.export(to: "cut.jsonl") { $0.remove(at: 4) }
    let gap = try await ReplayProgram.run("--log", cut)
    #expect(gap.code == 1 && gap.errors.contains("after position 4 comes 6"))
    let noise = try data.export(to: "noise.jsonl") { $0[4] = "nonsense" }
    #expect(try await ReplayProgram.run("--log", noise).code == 1)
  }

  @Test func wrongUsage() async throws {
    let data = try await DataFolder()
    for arguments in [
      ["--nonsense"], ["--view", "nonsense"], ["--until", "soon"], ["--delegation", "x y"],
      ["--log", "x", "--data", "y"], ["--log", "x", "--verify"], ["--verify", "--until", "3"],
      ["--delegation", "PR1", "--view", "workers"],
    ] {
      let isWhole = arguments.contains("--data") || arguments.contains("--log")
      let run = try await ReplayProgram.run(
        all: arguments + (isWhole ? [] : ["--data", data.path]))
      #expect(run.code == 2, "\(arguments)")
      #expect(!run.errors.isEmpty && run.output.isEmpty)
    }
  }

  @Test func whatIsNotThere() async throws {
    let data = try await DataFolder()
    for arguments in [
      ["--data", data.path + "/absent"], ["--log", data.path + "/absent.jsonl"],
      ["--data", data.path, "--delegation", Story.id(77).rawValue],
      ["--data", data.path, "--delegation", "PR1"],
      ["--data", data.path, "--delegation", "ebaejun/tools#7"],
    ] {
      let run = try await ReplayProgram.run(all: arguments)
      #expect(run.code == 3, "\(arguments)")
      #expect(run.errors.hasPrefix("aipm-replay: ") && run.output.isEmpty)
    }
  }

  @Test func help() async throws {
    let run = try await ReplayProgram.run("--help")
    #expect(run.code == 0 && run.errors.isEmpty)
    for option in ["--verify", "--until", "--delegation", "--view", "--log", "--json"] {
      #expect(run.output.contains(option))
    }
    #expect(run.output.contains("Exit codes"))
  }
}
