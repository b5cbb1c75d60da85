// A process whose store has several servers: it follows the log that the active one writes, until
// it is elected itself. Then it opens the log for writing, and what follows is the same as for a
// store with one server. Its address on the network is bound once, before all that.

import Domain
import Engine
import EventLog
import ForgePort
import Foundation
import Glibc
import Logging
import Projections
import Server
import Stores
import Synchronization
import Terminal
import Workflows

extension ServerProcess {
  /// The secret that the servers of a store share.
  static let serversSecret = "servers-token"
  /// The exit status of a server that another one has replaced: try again (sysexits.h).
  private static let replacedStatus: Int32 = 75
  /// If the election takes longer, this server follows.
  private static let electionPause: Duration = .milliseconds(150)

  /// Whether the forge may be written to.
  /// - Returns: nil if no other server can take over.
  static func mayWrite(_ leadership: (any Leadership)?) -> WritePermission? {
    guard let leadership else { return nil }
    return { await leadership.isConfirmed() }
  }

  /// Follows the log until this server is elected, then serves until the process is asked to stop.
  func serve(
    _ driver: any StoreDriver, as election: any StoreElection, _ folder: DataFolder,
    _ stop: StopRequest
  ) async throws {
    let listener = ServerListener(
      host: options.listening.host, port: options.listening.port, limits: options.limits,
      logger: logger)
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let listening = Task {
      defer { port.finish() }
      try await listener.run { port.yield($0) }
    }
    guard let bound = await ports.first(where: { _ in true }) else {
      _ = try await listening.value
      throw Failure("the server stopped before it listened")
    }
    let member = Member(
      driver: driver, election: election, folder: folder, stop: stop,
      listener: (listener, bound))
    let followed = Mutex<Parts?>(nil)
    let following = Task {
      try await Task.sleep(for: Self.electionPause)
      try await follow(member) { parts in followed.withLock { $0 = parts } }
    }
    let stopping = Task {
      await stop.first.value
      election.stop()
    }
    defer {
      stopping.cancel()
      following.cancel()
      listening.cancel()
    }
    let won: (any Leadership)?
    do {
      won = try await election.win()
    } catch {
      throw Failure("the log cannot be locked: \(error)")
    }
    if let leadership = won {
      let parts = followed.withLock { $0 }
      // Responses that have begun go on.
      if parts == nil { following.cancel() }
      try await lead(member, leadership, parts)
    }
    following.cancel()
    _ = await following.result
    listening.cancel()
    _ = await listening.result
  }

  /// One of the servers of a store.
  private struct Member: Sendable {
    var driver: any StoreDriver
    var election: any StoreElection
    var folder: DataFolder
    var stop: StopRequest
    var listener: (answers: ServerListener, port: Int)
  }

  /// The parts of a member, with the secrets that all of them have, as far as there are some.
  private func parts(_ member: Member) async throws -> (parts: Parts, hasSecrets: Bool) {
    let hasSecrets = try await SharedState.takeSecrets(from: member.driver, into: member.folder)
    var parts = try parts(member.folder, member.stop)
    parts.listener = member.listener
    return (parts, hasSecrets)
  }

  private func opening(_ member: Member, _ parts: Parts) -> StoreOptions {
    var opening = opening(parts)
    opening.address = options.ownAddress(port: member.listener.port)
    return opening
  }

  /// Serves as the active server, until the process is asked to stop.
  /// - Parameter followed: the parts with which this server answers already; nil if it does not. If
  ///   it does, it does not end if the log cannot be opened yet, for example because the standby is
  ///   absent: nobody else could either.
  private func lead(
    _ member: Member, _ leadership: any Leadership, _ followed: Parts?
  ) async throws {
    let watch = Task { await self.end(with: leadership) }
    do {
      // Looked up once more, the secrets would be the same, and people wait.
      var parts = if let followed { followed } else { try await parts(member).parts }
      parts.leadership = leadership
      guard
        let store = try await opened(
          member, opening(member, parts), triesAgain: followed != nil)
      else {
        watch.cancel()
        return await leadership.resign()
      }
      try await serve(opened: store, parts)
    } catch {
      watch.cancel()
      await leadership.resign()
      throw error
    }
    watch.cancel()
    await leadership.resign()
  }

  /// Opens the log for writing.
  /// - Returns: nil if the process is asked to stop before.
  private func opened(
    _ member: Member, _ opening: StoreOptions, triesAgain: Bool
  ) async throws -> (any RunningStore)? {
    var lastError: String?
    while true {
      do throws(StoreFault) {
        return try member.driver.open(opening)
      } catch {
        guard triesAgain else { throw Failure("the log cannot be opened: \(error)") }
        if lastError != "\(error)" { logger.error("this server cannot take over yet: \(error)") }
        lastError = "\(error)"
      }
      try? await Task.sleep(for: .seconds(1))
      if member.stop.hasCome { return nil }
    }
  }

  /// Ends the process when another server has taken over. What is under way here is the other
  /// one's now: nothing is finished in order, since nothing of it may be written.
  private func end(with leadership: any Leadership) async {
    let reason = await leadership.loss()
    guard !Task.isCancelled else { return }
    logger.critical("\(reason). This server ends. Start it again, and it follows")
    _exit(Self.replacedStatus)
  }

  // MARK: Following

  /// Serves what can be read, and passes the rest to the active server, until the task is
  /// cancelled. It goes on when this server is elected, for the responses that have begun.
  private func follow(
    _ member: Member, _ onListening: @escaping @Sendable (Parts) -> Void
  ) async throws {
    while true {
      let (followed, parts) = try await firstLog(member)
      do {
        try await serve(followed, parts) { onListening(parts) }
        return await followed.store.close()
      } catch {
        await followed.store.close()
        if error is CancellationError { throw error }
        logger.error("this server cannot follow yet: \(error)")
      }
      try await Task.sleep(for: .milliseconds(500))
    }
  }

  /// Waits until there is a log that can be read, and the first active server has shared its
  /// secrets.
  private func firstLog(_ member: Member) async throws -> (FollowedStore, Parts) {
    var lastError: String?
    while true {
      do {
        let parts = try await parts(member)
        if parts.hasSecrets {
          return (
            try await member.election.follow(opening(member, parts.parts)), parts.parts
          )
        }
      } catch {
        if lastError != "\(error)" { logger.warning("this server waits: \(error)") }
        lastError = "\(error)"
      }
      try await Task.sleep(for: .milliseconds(500))
    }
  }

  private func serve(
    _ followed: FollowedStore, _ parts: Parts, _ onListening: @escaping @Sendable () -> Void
  ) async throws {
    let (store, folder) = (followed.store, parts.folder)
    guard let forge = options.forge.adapter(author: options.author, mayWrite: { false }) else {
      throw Failure(
        "the embedded forge belongs to one server, and another one writes the log: configure the "
          + "forge that all servers use (AIPM_GITHUB_API_URL)")
    }
    guard let listener = parts.listener else { return }
    let tokens = TokenStore(data: folder.path)
    let shared = try await SharedState.begin(store.files, folder, tokens)
    let journal = try await SystemJournal(store)
    let engine = makeEngine(
      store, forge, try makeMirrors(folder, forge, store.files, { false }), NoWorkers(),
      parts.metrics, workflows: await journal.definitions, epoch: followed.log.active.epoch,
      stamp: 0)
    var configuration = try serverConfiguration(
      parts, tokens, ForgeAccess(forge: forge), store)
    configuration.outputRole = .reads
    configuration.socketDirectory = nil
    configuration.active = ActiveProxy(
      followed.log, secret: try folder.secret(Self.serversSecret))
    let server = Server(
      engine: engine, catalog: options.catalog, configuration: configuration,
      metrics: parts.metrics, logger: logger)
    await server.ready()
    let address = "http://\(options.listening.localHost):\(listener.port)\(prefix)"
    try folder.write(address + "\n", to: "address")
    folder.note("process \(getpid()), \(address)")
    let watch = Task { await self.watch(followed.log) }
    let sharing = Task { await shared?.follow(logger) }
    defer {
      watch.cancel()
      sharing.cancel()
    }
    try Task.checkCancellation()
    server.answer(on: listener.answers)
    try await server.run(on: listener.answers) { [manager] _ in
      onListening()
      Terminal.say("aipm: listening on \(address)")
      Terminal.say("aipm: following \(followed.log.active.name)")
      manager.notify(.ready(status: "Listening on \(address), following"))
    }
  }

  /// Writes into this process's log what happens to the log of the store.
  private func watch(_ log: any FollowedLog) async {
    var known = log.active
    let changes = log.changes()
    logger.notice("following", metadata: ["active": "\(known.name)", "epoch": "\(known.epoch)"])
    if let contradiction = log.contradiction { logger.critical("\(contradiction)") }
    for await _ in changes {
      if let contradiction = log.contradiction { logger.critical("\(contradiction)") }
      guard log.active.epoch != known.epoch else { continue }
      known = log.active
      logger.notice(
        "a server took over", metadata: ["active": "\(known.name)", "epoch": "\(known.epoch)"])
    }
  }
}

/// A server that follows has no workers.
private struct NoWorkers: WorkerLauncher {
  func run(_ worker: WorkerID, onStart: @escaping @Sendable () -> Void) async -> String {
    "this server follows"
  }
}

extension ServeOptions {
  /// Where other servers reach this one.
  func ownAddress(port: Int) -> String {
    if let ownURL { return ownURL }
    let isAny = ["0.0.0.0", "::"].contains(listening.host)
    let host = isAny ? ProcessInfo.processInfo.hostName : listening.localHost
    return "http://\(host):\(port)"
  }
}
