import Domain
import Engine
import EventLog
import ForgePort
import LogStories

// What happens to several servers and to their database, and what is checked at the end.
extension World {
  /// - Parameter sometimes: plans something that happens again and again, with its mean pause.
  func planClusterFaults(_ sometimes: (Int64, @escaping (World) -> Void) -> Void) {
    /// Does it to one of the servers.
    func toServer(_ mean: Int64, _ run: @escaping (World, MadeUpServer) -> Void) {
      sometimes(mean) { world in
        let one = world.servers[Int(world.random.draw(0...Int64(world.servers.count - 1)))]
        world.server = one
        run(world, one)
      }
    }
    toServer(30_000) { world, _ in world.killServer() }
    toServer(20_000) { world, one in
      world.freeze(one, for: world.random.draw(100...(world.random.chance(0.5) ? 2500 : 20_000)))
    }
    toServer(40_000) { world, one in
      let fate = Int(world.random.draw(0...3))
      world.cut(one, from: fate < 2 ? [fate] : [0, 1], for: world.random.draw(300...9000))
    }
    toServer(50_000) { world, one in
      world.count("servers cut from the forge")
      one.member?.forgeCutUntil = world.now + world.random.draw(500...15_000)
    }
    sometimes(35_000) { $0.loseStandby(for: $0.random.draw(200...12_000)) }
    sometimes(35_000) { $0.losePrimary() }
    sometimes(60_000) { $0.partDatabase() }
    sometimes(15_000) { $0.breakSession() }
    sometimes(cluster?.settings.badDaysMs ?? 50_000) { $0.breakMuch() }
  }

  /// Faults that only together lose something, where a guard is missing: commits wait for a standby
  /// that is away, the lock changes hands meanwhile, the waits are cancelled, and the primary dies.
  private func breakMuch() {
    guard let primary = pair?.primary else { return }
    loseStandby(for: random.draw(4000...9000))
    after(random.draw(0...1500)) { world in
      guard let holder = primary.lockHolder else { return }
      world.end(holder)
    }
    for _ in 0..<2 {
      after(random.draw(500...5000)) { world in
        while !primary.waits.isEmpty {
          world.count("commits cancelled")
          world.cancelWait(0, of: primary)
        }
      }
    }
    after(random.draw(2000...6000)) { $0.losePrimary(forGood: true) }
  }

  /// The process is stopped, and goes on with what it had in hand.
  private func freeze(_ one: MadeUpServer, for span: Int64) {
    guard let member = one.member, member.isRunning, !one.isFrozen else { return }
    count("servers stopped")
    trace("server \(one.index) stands still for \(span) ms")
    one.isFrozen = true
    let life = one.life
    after(span) { world in
      guard one.life == life else { return }
      world.trace("server \(one.index) goes on")
      one.isFrozen = false
      let held = one.held
      one.held = []
      for run in held { world.inProcess(of: one, life, run) }
      world.inProcess(of: one, life) { $0.step(.tick) }
    }
  }

  /// A server and nodes do not reach each other for a while.
  func cut(_ one: MadeUpServer, from nodes: [Int], for span: Int64) {
    guard let cluster, let member = one.member else { return }
    count("servers cut from the database")
    trace("server \(one.index) is cut from \(nodes) for \(span) ms")
    for index in nodes { member.cutUntil[index] = max(member.cutUntil[index], now + span) }
    after(HoldTimes.deadPeerMs) { world in
      for index in nodes where !world.reaches(one, cluster.nodes[index]) {
        for session in cluster.nodes[index].sessions where session.server === one {
          world.abandon(session)
        }
      }
    }
  }

  private func breakSession() {
    let sessions = (cluster?.nodes ?? []).flatMap(\.sessions)
    let holders = (cluster?.nodes ?? []).compactMap(\.lockHolder)
    let chosen = random.chance(0.5) ? holders : sessions
    guard let session = chosen.randomElement(using: &random) else { return }
    count("sessions ended")
    if random.chance(0.5) { end(session) } else { breakOff(session) }
  }

  // MARK: Checks

  /// What must be true of the log when all has come to its end.
  func checkCluster() {
    guard let cluster else { return }
    if let lost = cluster.lost(from: cluster.log) { fail(lost) }
    var check = ChainCheck()
    for event in cluster.log {
      if let fault = check.take(StoredEvent(event)) { return fail(fault) }
    }
    var epoch: Int64 = 0
    for event in cluster.log {
      guard case .system(.started(let next, _)) = event.event else { continue }
      if next <= epoch { return fail("a server started as epoch \(next) after \(epoch)") }
      epoch = next
    }
  }
}

extension ForgeCall {
  /// Whether it may change something on the forge.
  var writes: Bool {
    switch self {
    case .createBranch, .putFile, .openPullRequest, .comment, .deleteComment, .addLabels,
      .requestReviewers, .reply:
      true
    case .repository, .branchHead, .fileBlob, .tree, .branch, .compare, .pullRequests,
      .pullRequest, .comments, .account, .mayPush, .feedback, .reviewComments, .openPullRequests,
      .checks,
      .checkReport, .changedHead, .changedPullRequest, .issue, .repositories:
      false
    }
  }
}
