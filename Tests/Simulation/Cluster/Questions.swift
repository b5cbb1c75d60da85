import EventLog

// What PostgreSQL does with a question.
extension World {
  func carryOut(_ question: Question, _ answering: PendingAnswer) {
    guard let cluster else { return }
    let session = answering.session
    let node = session.node
    switch question {
    case .lock:
      node.lockQueue.append((session, answering))
      passLock(of: node)
    case .claim:
      withHead(session) { $0.claim(answering) }
    case .begin(let batch):
      withHead(session) { world in
        let fits = node.rows.epoch == batch.epoch && node.rows.head == batch.old
        guard fits || cluster.lacks(.fence) else {
          world.passHead(of: node)
          world.count("batches fenced")
          return world.reply(.fenced, to: answering)
        }
        world.limitSilence(session)
        world.reply(.done, to: answering)
      }
    case .commit(let batch): commit(batch, answering)
    case .barrier(let epoch, let new): barrier(epoch, new, answering)
    case .beat(let epoch):
      guard node.rows.epoch == epoch else { return reply(.fenced, to: answering) }
      commit(.beat(epoch: epoch), session) { $0.reply($1 ? .done : .unconfirmed, to: answering) }
    case .look: reply(.rows(node.rows, hasNew: false), to: answering)
    case .events: reply(.events(node.events), to: answering)
    case .endHolder:
      if let holder = node.lockHolder, holder !== session {
        for other in node.sessions where other.life == holder.life { end(other) }
      }
      reply(.done, to: answering)
    case .pack:
      commit(.pack, session) { $0.reply($1 ? .done : .unconfirmed, to: answering) }
    }
  }

  /// Somebody that is stopped within a transaction does not keep the head's row for ever.
  private func limitSilence(_ session: Session) {
    session.transaction += 1
    let transaction = session.transaction
    after(HoldTimes.idleTransactionMs) { world in
      guard session.isOpen, session.transaction == transaction else { return }
      world.count("transactions ended for silence")
      world.end(session)
    }
  }

  private func claim(_ answering: PendingAnswer) {
    let session = answering.session
    let epoch = session.node.rows.epoch + 1
    let claim = Claim(epoch: epoch, server: session.server.index, life: session.life)
    commit(.claim(claim), session) { world, isConfirmed in
      world.passHead(of: session.node)
      world.reply(isConfirmed ? .claimed(epoch: epoch) : .unconfirmed, to: answering)
    }
  }

  private func commit(_ batch: Batch, _ answering: PendingAnswer) {
    let session = answering.session
    session.transaction += 1
    guard !(isTroubled && random.chance(0.005)) else {
      passHead(of: session.node)
      return reply(.refused(random.chance(0.5) ? .full : .overloaded), to: answering)
    }
    commit(.batch(batch), session) { world, isConfirmed in
      world.passHead(of: session.node)
      world.reply(isConfirmed ? .done : .unconfirmed, to: answering)
    }
  }

  private func barrier(_ epoch: Int64, _ new: LogHead?, _ answering: PendingAnswer) {
    guard let cluster else { return }
    let session = answering.session
    let node = session.node
    let found = { (world: World, isConfirmed: Bool) in
      let reply = Reply.rows(node.rows, hasNew: new.map(node.has) ?? false)
      world.reply(isConfirmed ? reply : .unconfirmed, to: answering)
    }
    guard !cluster.lacks(.settleBarrier) else { return found(self, true) }
    withHead(session) { world in
      if node.rows.epoch != epoch, cluster.lacks(.changingBarrier) {
        world.passHead(of: node)
        return found(world, true)
      }
      world.commit(.touch, session) { world, isConfirmed in
        world.passHead(of: node)
        found(world, isConfirmed)
      }
    }
  }

  // MARK: Commits

  /// Writes a change to WAL, and waits for the standby.
  private func commit(
    _ change: Change, _ session: Session, _ then: @escaping (World, Bool) -> Void
  ) {
    guard let cluster else { return }
    let node = session.node
    node.wal.append(change)
    var waits = !cluster.lacks(.synchronousStandby)
    if case .claim = change, cluster.lacks(.claimBarrier) { waits = false }
    if case .beat = change, cluster.beatsAreSeenAtOnce { node.show(change) }
    if waits {
      node.waits.append(
        Node.Wait(end: node.wal.count, session: session, change: change, then: then))
      if isTroubled, random.chance(0.003) {
        after(random.draw(0...3)) { world in
          guard let index = node.waits.firstIndex(where: { $0.session === session }) else {
            return
          }
          world.count("commits cancelled")
          world.cancelWait(index, of: node)
        }
      }
    } else {
      show(change, on: node)
      then(self, true)
    }
    ship(from: node)
  }

  private func show(_ change: Change, on node: Node) {
    if case .beat = change, cluster?.beatsAreSeenAtOnce ?? false { return }
    node.show(change)
  }

  /// The wait for the standby is cancelled: success with a warning.
  func cancelWait(_ index: Int, of node: Node) {
    let wait = node.waits.remove(at: index)
    show(wait.change, on: node)
    wait.then(self, false)
  }

  /// The standby has WAL up to `end`.
  func confirm(_ end: Int, on node: Node) {
    while let index = node.waits.firstIndex(where: { $0.end <= end }) {
      let wait = node.waits.remove(at: index)
      show(wait.change, on: node)
      wait.then(self, true)
      if wait.session.isOrphan { self.end(wait.session) }
    }
  }
}
