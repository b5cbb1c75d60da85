// Conversations that agents may continue in a later round of their pull request.
//
// An agent keeps its conversation in its HOME, often by the path of its working tree. So an agent
// that can continue one runs at a path of its own for each pull request and profile: its HOME is
// there, and the working tree is moved there while it runs.
//
//   DATA/sessions/FIRST@AGENT/home        FIRST: the pull request's first delegation
//   DATA/sessions/FIRST@AGENT/tree, tmp   while the agent runs
//   DATA/sessions/FIRST@AGENT/ended.json  its attempt ended well, and waits for the server's word
//   DATA/sessions/FIRST@AGENT/kept.json   a later round may continue it
//
// Guarantees:
// - A HOME is given only to an agent of the same pull request, repository and profile, with the
//   same variables. It may hold anything, so the worker only moves, measures and removes it, and
//   follows no link in it.
// - A HOME without its record is never used: the record is removed before the agent starts, and
//   written after it has ended. So a worker that dies at any moment keeps a whole conversation or
//   none.
// - The number, the size and the age of what is kept are limited. What is left of ended attempts is
//   removed at the next start, and what belongs to a pull request that has ended when the server
//   says so.
//
// Nothing depends on it: without the conversation, the agent begins a new one.
//
// Agents that keep running: see LoadableSessions.swift.

import Domain
import FoundationEssentials
import Glibc
import Logging
import SystemCalls
import WorkerProtocol
import Workflows

/// Where an agent runs that can continue a conversation.
struct SessionPlace: Sendable {
  /// Its HOME, its tree and its temporary files.
  let files: AttemptFiles
  /// The conversation to continue; nil for a new one.
  var continues: SessionRecord?
}

actor SessionStore {
  let files: WorkerFiles
  private let trash: TrashBin
  let limits: SessionLimits
  let logger: Logger?
  let now: @Sendable () -> Int64
  /// Of agents that keep running.
  var loadable = LoadableSessions()

  /// - Parameter now: milliseconds since 1970.
  init(
    _ files: WorkerFiles, _ trash: TrashBin, _ limits: SessionLimits = SessionLimits(),
    logger: Logger? = nil, now: @escaping @Sendable () -> Int64 = SessionStore.wallClock
  ) {
    self.files = files
    self.trash = trash
    self.limits = limits
    self.logger = logger
    self.now = now
  }

  static let wallClock: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1000) }

  private static func endedRecord(_ folder: String) -> String { "\(folder)/ended.json" }
  private static func keptRecord(_ folder: String) -> String { "\(folder)/kept.json" }

  // MARK: Agents that are started for each attempt

  /// Prepares where the agent runs, and moves the tree there.
  /// - Parameter assignment: as the server ordered it, within the operator's grants.
  /// - Returns: nil if this agent continues no conversations.
  func enter(_ assignment: Assignment, _ attempt: AttemptFiles) async throws -> SessionPlace? {
    guard let order = assignment.session, order.keepMs > 0,
      assignment.agent.resumeArguments != nil,
      let place = files.session(order.first, assignment.agent.name)
    else { return nil }
    let kept = SessionRecord(path: Self.keptRecord(place.folder))
    // From here on, nobody else finds this HOME.
    for record in [Self.keptRecord, Self.endedRecord] {
      try DurableFile.remove(record(place.folder))
    }
    let continued = kept.flatMap { record in
      record.fits(assignment, now: now()) && DurableFile.isFolder(place.home)
        && MountPoints.areClear(in: place.home, assignment.agent.sandbox) ? record : nil
    }
    if continued == nil { try await clear(place.folder) }
    try await clear(place.tree)
    try await clear(place.temporary)
    for folder in [place.home, place.temporary] { try DurableFile.makeFolder(folder) }
    try? TreeRoot(path: attempt.tree).makeAccessible()
    try DurableFile.rename(attempt.tree, to: place.tree)
    return SessionPlace(files: place, continues: continued)
  }

  /// Makes a new HOME: the conversation could not be continued.
  func renew(_ place: SessionPlace) async throws {
    for folder in [place.files.home, place.files.temporary] {
      try await clear(folder)
      try DurableFile.makeFolder(folder)
    }
  }

  /// Moves the tree back, when no process of the agent is left.
  /// - Parameters:
  ///   - endedWell: whether the agent came to its end.
  ///   - session: what the agent calls its conversation; nil if it has no name.
  ///   - used: what it has used in it, if it reports that.
  func leave(
    _ place: SessionPlace, _ assignment: Assignment, _ attempt: AttemptFiles, endedWell: Bool,
    session: String?, used: AgentUsage = AgentUsage()
  ) async throws {
    if DurableFile.exists(place.files.tree) {
      try? TreeRoot(path: place.files.tree).makeAccessible()
      try DurableFile.rename(place.files.tree, to: attempt.tree)
    }
    guard endedWell, let order = assignment.session,
      session != nil || !assignment.agent.namesSession,
      let bytes = await measured(place.files.home, place.files.trash)
    else { return try await clear(place.files.folder) }
    for path in [place.files.temporary, place.files.trash, place.files.prompt] {
      try await clear(path)
    }
    var record = SessionRecord(assignment, order, session: session, now: now())
    record.bytes = bytes
    record.used = used.isEmpty ? nil : used
    try record.write(Self.endedRecord(place.files.folder))
  }

  /// The size of the HOME.
  /// - Returns: nil if it cannot be kept.
  func measured(_ home: String, _ trash: String) async -> Int? {
    let limits = self.limits
    guard DurableFile.isFolder(home) else { return nil }
    do {
      return try await BlockingWork.run { stop in
        var walk = TreeWalk(
          root: TreeRoot(path: home), stop: stop, trash: try Trash(trash))
        walk.entriesMax = limits.homeEntriesMax
        var bytes = 0
        try walk.run { entry in
          bytes += Int(entry.facts.st_blocks) * 512
          guard bytes <= limits.homeBytesMax else {
            throw TreeWalk.Excess(message: "more than \(limits.homeBytesMax >> 20) MiB")
          }
          return entry.kind == .folder ? .enter : .leave
        }
        return bytes
      }
    } catch {
      logger?.info("a conversation is not kept: its HOME: \(error)")
      return nil
    }
  }

  // MARK: The server's word

  /// The attempt is over.
  /// - Parameter isAccepted: whether a later round may continue its conversation.
  func settle(_ key: AttemptKey, isAccepted: Bool) async {
    settleLoadable(key, isAccepted: isAccepted)
    for folder in folders {
      let record = Self.endedRecord(folder)
      guard let ended = SessionRecord(path: record), ended.key == key else { continue }
      do {
        if isAccepted {
          try DurableFile.rename(record, to: Self.keptRecord(folder))
          try DurableFile.syncFolder(folder)
        } else {
          try await clear(folder)
        }
      } catch {
        logger?.warning("a conversation is not kept: \(error)")
      }
    }
    await prune()
  }

  // MARK: Upkeep

  private var kept: [(folder: String, record: SessionRecord)] {
    folders.compactMap { folder in
      SessionRecord(path: Self.keptRecord(folder)).map { (folder: folder, record: $0) }
    }
  }

  /// The pull requests of which a conversation is kept, by their first delegations.
  var pullRequests: [String] {
    Set(kept.map(\.record.first) + loadable.all.map(\.first)).sorted()
  }

  /// Removes the conversations of pull requests that have ended.
  /// - Parameter firsts: their first delegations.
  func forget(_ firsts: Set<String>) async {
    for (folder, record) in kept where firsts.contains(record.first) { await remove(folder) }
    await dropLoadable { firsts.contains($0.first) }
  }

  /// Removes what has expired, and the oldest beyond the limits.
  func prune() async {
    let now = self.now()
    await dropLoadable { $0.keptUntil <= now }
    var (count, bytes) = (0, 0)
    for (folder, record) in kept.sorted(by: { $0.record.keptAt > $1.record.keptAt }) {
      count += 1
      bytes += record.bytes
      if record.keptUntil > now, count <= limits.countMax, bytes <= limits.bytesMax { continue }
      await remove(folder)
    }
  }

  /// Removes what earlier processes left, except conversations that are kept.
  /// - Parameter key: the attempt that is handed in again.
  func sweep(keeping key: AttemptKey?) async {
    for folder in folders {
      let waits = SessionRecord(path: Self.endedRecord(folder)).map { $0.key == key } ?? false
      let isKept = waits || SessionRecord(path: Self.keptRecord(folder)) != nil
      if !isKept || !DurableFile.isFolder("\(folder)/home") { await remove(folder) }
    }
    await inherit(keeping: key)
    await prune()
  }

  private var folders: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: files.sessions)) ?? []
    return names.sorted().map { "\(files.sessions)/\($0)" }
  }

  func remove(_ folder: String) async {
    do { try await clear(folder) } catch {
      logger?.warning("a conversation cannot be removed: \(error)")
    }
  }

  /// Takes a path away at once, so that it cannot be mistaken for what is made there next, and
  /// removes it in the background.
  func clear(_ path: String) async throws {
    guard DurableFile.exists(path) else { return }
    try? TreeRoot(path: path).makeAccessible()
    try DurableFile.makeFolder(files.sessions)
    let gone = "\(files.sessions)/gone-\(UInt64.random(in: 0...UInt64.max))"
    try DurableFile.rename(path, to: gone)
    try await trash.take([gone])
  }
}
