import Domain

// The two machines of the database: what one sends the other, and which is the primary.
extension World {
  /// The network between the two is whole.
  private var isLinked: Bool { now >= cluster?.standbyAwayUntil ?? 0 }

  private func standby(of primary: Node) -> Node? {
    cluster?.nodes.first { $0.isUp && $0.follows == primary.index }
  }

  /// Sends the standby what it lacks.
  func ship(from primary: Node) {
    guard isLinked, primary.isUp, let standby = standby(of: primary) else { return }
    let (end, lives) = (primary.wal.count, [primary.life, standby.life])
    /// After each way, if both machines are still what they were.
    func later(_ run: @escaping (World) -> Void) {
      after(random.draw(1...3)) { world in
        guard world.isLinked, lives == [primary.life, standby.life],
          standby.follows == primary.index
        else { return }
        run(world)
      }
    }
    later { world in
      world.receive(end, from: primary, on: standby)
      later { $0.confirm(end, on: primary) }
    }
  }

  private func receive(_ end: Int, from primary: Node, on standby: Node) {
    guard let cluster, standby.wal.count < end else { return }
    for index in standby.wal.count..<end {
      standby.wal.append(primary.wal[index])
      guard index == cluster.safe else { continue }
      let (events, wrong) = cluster.takeSafe(primary.wal[index])
      if !events.isEmpty { wrote(events) }
      if let wrong { fail(wrong) }
    }
  }

  /// The standby is away for a while.
  func loseStandby(for span: Int64) {
    guard let cluster else { return }
    count("standby away")
    trace("the standby is away for \(span) ms")
    cluster.standbyAwayUntil = max(cluster.standbyAwayUntil, now + span)
    after(cluster.standbyAwayUntil - now) { world in
      for node in cluster.nodes where node.isPrimary { world.ship(from: node) }
    }
  }

  // MARK: Life and death

  /// The primary and its standby, if both are well.
  var pair: (primary: Node, standby: Node)? {
    guard let primary = cluster?.nodes.first(where: { $0.isUp && $0.isPrimary }),
      let standby = standby(of: primary)
    else { return nil }
    return (primary, standby)
  }

  private func crash(_ node: Node) {
    let sessions = node.sessions
    node.isUp = false
    node.life += 1
    node.sessions = []
    (node.lockHolder, node.lockQueue) = (nil, [])
    (node.headHolder, node.headQueue) = (nil, [])
    node.waits = []
    for session in sessions {
      for answering in session.asked { lose(answering) }
    }
  }

  /// The primary dies, and is started again alone, or its standby is promoted.
  /// - Parameter isForGood: the standby is promoted.
  func losePrimary(forGood isForGood: Bool = false) {
    guard let (primary, standby) = pair else { return }
    count("primaries killed")
    trace("the primary dies")
    crash(primary)
    if !isForGood, random.chance(0.4) {
      after(random.draw(200...6000)) { world in
        world.count("primaries restarted alone")
        world.trace("the primary is started again")
        primary.isUp = true
        primary.showAll()
        world.ship(from: primary)
      }
    } else {
      after(random.draw(200...3000)) { world in
        world.promote(standby, instead: primary)
        let comesBack = world.random.chance(0.5)
        if comesBack { world.bringBack(primary) }
        world.after(world.random.draw(1000...12_000)) { $0.follow(standby, by: primary) }
      }
    }
  }

  /// The former primary goes on as if it were one.
  private func bringBack(_ former: Node) {
    after(random.draw(100...900)) { world in
      world.count("two primaries")
      world.trace("the former primary is back")
      former.isUp = true
      former.showAll()
    }
  }

  /// The standby is promoted while the primary lives on, cut off from it.
  func partDatabase() {
    guard let (primary, standby) = pair else { return }
    count("two primaries")
    promote(standby, instead: primary)
    for one in servers {
      // Some reach the one, some the other, most both.
      let (fate, span) = (random.draw(0...5), random.draw(500...8000))
      if fate < 2 { cut(one, from: [Int(fate)], for: span) }
    }
    after(random.draw(1000...12_000)) { $0.follow(standby, by: primary) }
  }

  private func promote(_ standby: Node, instead primary: Node) {
    count("promotions")
    trace("the standby is promoted")
    standby.life += 1
    standby.isPrimary = true
    standby.follows = nil
    standby.timeline = max(primary.timeline, standby.timeline) + 1
    standby.showAll()
    if let wrong = cluster?.lost(from: standby.events) { fail(wrong) }
  }

  /// The former primary becomes the standby, without what only it had.
  private func follow(_ primary: Node, by former: Node) {
    trace("the former primary is a standby")
    crash(former)
    // What the other had when it was promoted is what both have.
    let common = min(cluster?.safe ?? 0, former.wal.count, primary.wal.count)
    let tail = former.wal[common...].count { if case .batch = $0 { true } else { false } }
    if tail > 0 { count("lost tails") }
    former.wal.removeSubrange(common...)
    former.isUp = true
    former.isPrimary = false
    former.follows = primary.index
    ship(from: primary)
  }
}
