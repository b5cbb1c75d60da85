// The conversations of agents that keep running (Agent Client Protocol), which a later round loads.
//
// Such an agent has one HOME for each repository, with the conversations of all of its pull
// requests. Its process may end between two rounds, also with the worker, and another process finds
// the conversations there:
//
//   DATA/agents/NAME@OWNER@REPO/home       see PersistentAgent
//   DATA/agents/NAME@OWNER@REPO/kept.json  the conversations in it that may be loaded
//
// Guarantees:
// - The record is removed before the agent gets a prompt, and written when it is idle again. So a
//   worker that dies while the agent works leaves no HOME, and one that dies at another moment a
//   whole one.
// - A HOME of an earlier life of the worker is given only to an agent that is called in the same
//   way, with the same variables. If no process can begin a session in it, it is removed, and the
//   same attempt goes on in a new one.
// - When nothing in it may be loaded any more, it goes with the worker.

import Domain
import FoundationEssentials
import Logging
import SystemCalls
import WorkerProtocol
import Workflows

/// What a worker knows of these conversations.
struct LoadableSessions: Sendable {
  /// Those that may be loaded, by pull request and agent.
  private var sessions: [String: SessionRecord] = [:]
  /// The last attempt's, which waits for the server's word.
  var ended: SessionRecord?
  /// The attempt in hand, and where its agent is.
  var open: (key: AttemptKey, place: PersistentFiles)?
  /// Folders of an earlier life of the worker in which no session was begun yet.
  var inherited: Set<String> = []

  var all: [SessionRecord] { sessions.values.sorted { $0.keptAt < $1.keptAt } }

  private static func name(_ first: String, _ agent: String) -> String { "\(first)@\(agent)" }

  subscript(first: String, agent: String) -> SessionRecord? { sessions[Self.name(first, agent)] }

  mutating func insert(_ record: SessionRecord, countMax: Int) {
    sessions[Self.name(record.first, record.agent)] = record
    if sessions.count > countMax, let oldest = all.first { remove { $0 == oldest } }
  }

  /// - Returns: those that were removed.
  @discardableResult
  mutating func remove(where isGone: (SessionRecord) -> Bool) -> [SessionRecord] {
    let gone = all.filter(isGone)
    sessions = sessions.filter { !isGone($0.value) }
    return gone
  }
}

/// The record beside a HOME.
private struct KeptSessions: Codable {
  var sessions: [SessionRecord]
  /// Of an attempt whose commit may still be handed in.
  var ended: SessionRecord?

  private static let bytesMax = 1 << 20

  static func path(_ folder: String) -> String { "\(folder)/kept.json" }

  /// nil if the file is absent or damaged.
  init?(_ folder: String) {
    guard let bytes = try? DurableFile.read(Self.path(folder), atMost: Self.bytesMax),
      let kept = try? JSONDecoder().decode(Self.self, from: Data(bytes))
    else { return nil }
    self = kept
  }

  init(sessions: [SessionRecord], ended: SessionRecord?) {
    self.sessions = sessions
    self.ended = ended
  }

  func write(_ folder: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    try DurableFile.replace(Self.path(folder), with: [UInt8](encoder.encode(self)))
  }
}

extension SessionStore {
  /// Prepares the HOME of an agent that keeps running for an attempt.
  /// - Parameter assignment: as the server ordered it, within the operator's grants.
  /// - Returns: the conversation that the agent may load; nil for a new one.
  func load(_ assignment: Assignment) async throws -> SessionRecord? {
    guard let session = assignment.agent.session,
      let place = files.persistent(assignment.agent.name, assignment.repository)
    else { return nil }
    // From here on, no other life of the worker finds this HOME.
    try DurableFile.remove(KeptSessions.path(place.folder))
    loadable.open = (AttemptKey(assignment.lease), place)
    if loadable.inherited.contains(place.folder) {
      let isSame = records(in: place.folder).allSatisfy { $0.isOfAgent(of: assignment) }
      if !isSame || !MountPoints.areClear(in: place.home, assignment.agent.sandbox) {
        await renewInherited(place)
      }
    }
    guard session.loadsSessions == true, let order = assignment.session else { return nil }
    return loadable[order.first, assignment.agent.name].flatMap {
      $0.fits(assignment, now: now()) ? $0 : nil
    }
  }

  /// Removes a HOME of an earlier life of the worker, so that the next process begins in a new one.
  /// - Returns: false if the HOME is of this life.
  @discardableResult
  func renewInherited(_ place: PersistentFiles) async -> Bool {
    guard loadable.inherited.remove(place.folder) != nil else { return false }
    loadable.remove { files.persistent($0.agent, $0.repository) == place }
    await remove(place.home)
    return true
  }

  /// The agent came to its end in this conversation.
  func ended(_ assignment: Assignment, session: String) {
    guard let order = assignment.session, order.keepMs > 0,
      assignment.agent.session?.loadsSessions == true
    else { return }
    loadable.ended = SessionRecord(assignment, order, session: session, now: now())
    if let folder = loadable.open?.place.folder { save(folder) }
  }

  /// The attempt is over.
  func settleLoadable(_ key: AttemptKey, isAccepted: Bool) {
    var folder = loadable.open.flatMap { $0.key == key ? $0.place.folder : nil }
    if let record = loadable.ended, record.key == key {
      loadable.ended = nil
      if isAccepted { loadable.insert(record, countMax: limits.countMax) }
      folder = folder ?? files.persistent(record.agent, record.repository)?.folder
    }
    guard let folder else { return }
    if loadable.open?.key == key {
      loadable.open = nil
      loadable.inherited.remove(folder)
    }
    save(folder)
  }

  /// Removes conversations, and the HOMEs of an earlier life in which none is left.
  func dropLoadable(where isGone: (SessionRecord) -> Bool) async {
    let gone = loadable.remove(where: isGone)
    let folders = Set(gone.compactMap { files.persistent($0.agent, $0.repository)?.folder })
    for folder in folders where folder != loadable.open?.place.folder {
      if loadable.inherited.contains(folder), records(in: folder).isEmpty {
        loadable.inherited.remove(folder)
        await remove(folder)
      } else {
        save(folder)
      }
    }
  }

  private func records(in folder: String) -> [SessionRecord] {
    loadable.all.filter { files.persistent($0.agent, $0.repository)?.folder == folder }
  }

  /// Writes down what may be loaded in a HOME.
  private func save(_ folder: String) {
    let ended = loadable.ended.flatMap {
      files.persistent($0.agent, $0.repository)?.folder == folder ? $0 : nil
    }
    let kept = KeptSessions(sessions: records(in: folder), ended: ended)
    do {
      if kept.sessions.isEmpty, ended == nil {
        try DurableFile.remove(KeptSessions.path(folder))
      } else if DurableFile.isFolder(folder) {
        try kept.write(folder)
      }
    } catch {
      logger?.warning("conversations are not kept over a restart: \(error)")
    }
  }

  /// Takes over the HOMEs of earlier lives of the worker, and removes those that are not kept. No
  /// process of an agent runs.
  /// - Parameter key: the attempt that is handed in again.
  func inherit(keeping key: AttemptKey?) async {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: files.agents)) ?? []
    var (count, bytes) = (0, 0)
    for folder in names.sorted().map({ "\(files.agents)/\($0)" }) {
      var kept = KeptSessions(folder) ?? KeptSessions(sessions: [], ended: nil)
      kept.sessions.removeAll { $0.keptUntil <= now() || !isKept($0, in: folder) }
      let waiting = kept.ended.flatMap { $0.key == key && isKept($0, in: folder) ? $0 : nil }
      guard !kept.sessions.isEmpty || waiting != nil,
        let size = await measured("\(folder)/home", "\(folder)/trash"),
        count < limits.countMax, bytes + size <= limits.bytesMax
      else {
        await remove(folder)
        continue
      }
      count += 1
      bytes += size
      for name in ["trees", "tmp", "trash"] { await remove("\(folder)/\(name)") }
      for record in kept.sessions { loadable.insert(record, countMax: limits.countMax) }
      loadable.ended = waiting ?? loadable.ended
      loadable.inherited.insert(folder)
    }
  }

  private func isKept(_ record: SessionRecord, in folder: String) -> Bool {
    files.persistent(record.agent, record.repository)?.folder == folder
  }
}
