import Domain
import ForgePort

/// Programs on the forge that never stop by themselves: one that has an answer to each of AIPM's
/// answers, and checks that fail on each commit. The workflow's limits must end both.
extension World {
  /// The account of a program that the workflow lists.
  static let parrot = "parrot[bot]"

  /// What the programs do from time to time.
  func programsAct() {
    for place in forge.openPlaces {
      answerBack(on: place)
      failChecks(on: place)
    }
  }

  /// The program answers in each of its threads in which AIPM had the last word.
  private func answerBack(on place: MadeUpForge.Discussed) {
    let said = forge.feedback[place] ?? []
    for thread in Set(said.filter { $0.author == Self.parrot }.compactMap(\.thread)).sorted() {
      guard said.last(where: { $0.thread == thread })?.author == MadeUpForge.principal else {
        continue
      }
      comment(on: place, by: Self.parrot, in: thread)
    }
  }

  /// A check fails on the last commit that AIPM pushed.
  private func failChecks(on place: MadeUpForge.Discussed) {
    guard forge.red.contains(place), let commit = lastPushed(on: place),
      forge.checks[commit] == nil
    else { return }
    report.said += 1
    forge.checks[commit] = [
      ForgeCheck(
        id: FeedbackID(.check, report.said), name: "build", commit: commit, outcome: .failed,
        author: "ci")
    ]
  }

  /// The failed checks of the last commit that AIPM pushed to a pull request.
  func checks(on place: MadeUpForge.Discussed) -> [Feedback] {
    let commit = lastPushed(on: place)
    return commit.flatMap { forge.checks[$0] }?.map { $0.feedback() } ?? []
  }

  private func lastPushed(on place: MadeUpForge.Discussed) -> ObjectID? {
    judge.delegations(of: place).reversed().lazy.compactMap { id -> ObjectID? in
      if case .pushed(_, let sha)? = self.judge.state(of: id) { sha } else { nil }
    }.first
  }

  /// Whether the programs have nothing more to say, and the server knows all of it.
  var haveProgramsEnded: Bool {
    forge.openPlaces.allSatisfy { place in
      guard forge.red.contains(place), lastPushed(on: place) != nil,
        let first = judge.first(of: place),
        let conversation = judge.state(of: first)?.delegation?.conversation
      else { return true }
      let said = checks(on: place)
      return !said.isEmpty
        && said.allSatisfy {
          conversation.recorded.contains($0.id)
            || conversation.ignoredByAuthor[$0.author, default: 0] >= Conversation.ignoredMax
        }
    }
  }
}
