import EventLog

/// A session of a server with a node.
final class Session {
  let server: MadeUpServer
  let life: Int
  let node: Node
  private let nodeLife: Int
  private var isEnded = false
  /// Its client has gone, and nobody hears the answer of its commit.
  var isOrphan = false
  /// The transaction under way, for the limit of its silence.
  var transaction = 0
  /// What was asked and not answered.
  var asked: [PendingAnswer] = []

  init(_ server: MadeUpServer, _ node: Node) {
    (self.server, self.node) = (server, node)
    life = server.life
    nodeLife = node.life
  }

  /// Whether the node still has it.
  var isOpen: Bool { !isEnded && node.isUp && node.life == nodeLife }

  func end() { isEnded = true }
}

/// A question, until it is answered or its session is lost.
final class PendingAnswer {
  let session: Session
  private(set) var isOver = false
  private let then: (World, Reply) -> Void

  init(_ session: Session, _ then: @escaping (World, Reply) -> Void) {
    (self.session, self.then) = (session, then)
  }

  func end(_ reply: Reply, _ world: World) {
    guard !isOver else { return }
    isOver = true
    session.asked.removeAll { $0 === self }
    world.inProcess(of: session.server, session.life) { self.then($0, reply) }
  }

  /// Nobody waits for it any longer.
  func giveUp() {
    isOver = true
    session.asked.removeAll { $0 === self }
  }
}

/// What a server asks PostgreSQL.
enum Question {
  /// Waits for the advisory lock.
  case lock
  /// Claims the next epoch.
  case claim
  /// Begins a transaction and updates the head.
  case begin(Batch)
  /// The rest of it, with COMMIT.
  case commit(Batch)
  /// The head, after all that was begun before, and whether `new` is in the log.
  case barrier(epoch: Int64, new: LogHead?)
  case beat(epoch: Int64)
  case look
  case events
  /// Ends the sessions of who has the advisory lock.
  case endHolder
  case pack
}

enum Reply {
  /// The session is gone, and what became of the question is unknown.
  case lost
  case done
  /// It is committed, and the standby may not have it.
  case unconfirmed
  /// The epoch is another one, or the head.
  case fenced
  /// Nothing was written.
  case refused(AppendFault)
  case claimed(epoch: Int64)
  case rows(Node.Rows, hasNew: Bool)
  case events([RecordedEvent])
}

extension World {
  /// Asks on a session of this server.
  @discardableResult
  func ask(
    _ session: Session, _ question: Question, _ then: @escaping (World, Reply) -> Void
  ) -> PendingAnswer {
    let answering = PendingAnswer(session, then)
    session.asked.append(answering)
    after(pace) { world in
      guard world.reaches(session.server, session.node) else {
        return world.lose(answering)
      }
      guard session.isOpen else { return answering.end(.lost, world) }
      world.carryOut(question, answering)
    }
    return answering
  }

  /// The time of a message within a data centre.
  var pace: Int64 { isTroubled && random.chance(0.01) ? random.draw(20...400) : random.draw(1...2) }

  func reply(_ reply: Reply, to answering: PendingAnswer) {
    let session = answering.session
    if session.isOrphan { return }
    if isTroubled, random.chance(0.002) {
      // The connection breaks, and the answer with it.
      count("answers lost")
      return breakOff(session)
    }
    after(pace) { world in
      guard world.reaches(session.server, session.node) else { return world.lose(answering) }
      answering.end(reply, world)
    }
  }

  /// The client sees that the session is gone: at once, or when the network says nothing for long.
  func lose(_ answering: PendingAnswer) {
    let session = answering.session
    let isReached = reaches(session.server, session.node)
    after(isReached ? random.draw(1...3) : HoldTimes.deadPeerMs) { world in
      // The network may be whole again, but not this session.
      world.breakOff(session)
      answering.end(.lost, world)
    }
  }

  /// The connection of a session breaks.
  func breakOff(_ session: Session) {
    for answering in session.asked { after(random.draw(1...3)) { answering.end(.lost, $0) } }
    abandon(session)
  }

  /// The node notices that nobody listens.
  func abandon(_ session: Session) {
    guard session.isOpen else { return }
    if session.node.waits.contains(where: { $0.session === session }) {
      // A commit that waits for the standby does not look at its connection.
      session.isOrphan = true
    } else {
      end(session)
    }
  }

  /// The client closes it.
  func close(_ session: Session?) {
    guard let session else { return }
    for answering in session.asked { answering.giveUp() }
    let delay = reaches(session.server, session.node) ? pace : HoldTimes.deadPeerMs
    after(delay) { $0.abandon(session) }
  }

  /// The node ends a session, and what it was doing.
  func end(_ session: Session) {
    guard session.isOpen else { return }
    let node = session.node
    session.end()
    node.sessions.removeAll { $0 === session }
    for answering in session.asked { lose(answering) }
    node.lockQueue.removeAll { $0.session === session }
    node.headQueue.removeAll { $0.session === session }
    while let index = node.waits.firstIndex(where: { $0.session === session }) {
      cancelWait(index, of: node)
    }
    if node.headHolder === session { passHead(of: node) }
    if node.lockHolder === session {
      node.lockHolder = nil
      passLock(of: node)
    }
  }

  // MARK: Locks

  func passLock(of node: Node) {
    guard node.lockHolder == nil, !node.lockQueue.isEmpty else { return }
    let (session, answering) = node.lockQueue.removeFirst()
    node.lockHolder = session
    reply(.done, to: answering)
  }

  /// Runs when the session has the row of the head.
  func withHead(_ session: Session, _ run: @escaping (World) -> Void) {
    let node = session.node
    guard node.headHolder == nil else { return node.headQueue.append((session, run)) }
    node.headHolder = session
    run(self)
  }

  func passHead(of node: Node) {
    node.headHolder = nil
    guard !node.headQueue.isEmpty else { return }
    let (session, run) = node.headQueue.removeFirst()
    node.headHolder = session
    run(self)
  }
}
