import Domain
import Engine
import EventLog
import LogStories
import Workflows

/// What people do, through the API and on the forge.
extension World {
  /// Somebody asks for delegation `number`, until they are told that it is durable: under the same
  /// key each time, so that it is made once.
  func submit(_ number: Int, asked before: Int) {
    var isAnswered = false
    let again: (World) -> Void = { world in
      guard !isAnswered else { return }
      isAnswered = true
      world.after(world.random.draw(200...2000)) { $0.submit(number, asked: before + 1) }
    }
    guard let found = route() else { return again(self) }
    // A server that is stopped may never answer.
    if cluster != nil { after(30_000, again) }
    let stamp = Stamp(milliseconds: 1_700_000_000_000 + Int64(number * 1000 + before))
    let request = Requested(
      kind: .delegate, stamp: stamp, repository: repositories[number % repositories.count],
      branch: "b-\(stamp.milliseconds)", baseBranch: nil, requester: "user\(number % 4)",
      priority: number % 3, agent: AgentProfile.demo.name,
      workflow: .init(name: workflow.name, digest: workflow.digest), draft: false, attemptsMax: 2,
      idempotencyKey: .init(key: "key-\(number)", body: "body"),
      text: TaskText(
        title: "Title \(number)", objective: "Objective", pullRequestTitle: "PR \(number)",
        constraints: .text(""), acceptanceCriteria: ["works"]), notices: workflow.notices)
    let id = DelegationID("d\(number)-\(before)")
    let user = Actor(kind: .user, name: request.requester)
    inProcess(of: found, found.life) { world in
      world.ask({ .submit(id, request, user, $0) }) { world, reply in
        switch reply {
        case .done, .failed(.duplicate): isAnswered = true
        case .rejected, .failed, nil: again(world)
        }
      }
    }
  }

  /// Somebody does something that AIPM has not asked for.
  func someoneActs() {
    guard let id = judge.delegations.randomElement(using: &random),
      let request = judge.state(of: id)?.delegation?.request
    else { return }
    let (repository, branch) = (request.repository, request.branch)
    let user = Actor(kind: .user, name: "somebody")
    switch random.draw(0...19) {
    case 0...5: atService { $0.ask({ .delegation(id, .command(.cancel, user, $0)) }) }
    case 6...11: atService { $0.ask({ .delegation(id, .command(.retry, user, $0)) }) }
    case 12, 13: forge.push(by: "ann", to: "main", of: repository, task: random.chance(0.3))
    case 14, 15: forge.close(branch, of: repository, merged: random.chance(0.5))
    case 16: forge.delete(branch, of: repository)
    case 17: forge.push(by: "bob", to: branch, of: repository, task: false)
    default: break
    }
  }

  /// A request that comes to the servers; nothing comes of it if none of them is up.
  func atService(_ run: @escaping (World) -> Void) {
    guard let found = route() else { return }
    inProcess(of: found, found.life, run)
  }

  /// Asks this server something on behalf of a person; nobody waits where it is down.
  func ask(
    _ input: (ReplyID) -> EngineCore.Input,
    _ then: @escaping (World, CommandReply?) -> Void = { _, _ in }
  ) {
    guard server.isUp else { return then(self, nil) }
    let id = server.nextReply()
    server.replies[id] = then
    step(input(id))
  }
}
