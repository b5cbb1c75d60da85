import Domain
import Projections

extension Component {
  static let queueSchema = JSONSchema.object(
    [
      "items": .list(
        .object([
          "id": .id, "place": .integer(1...Int64.max), "startsAt": JSONSchema.time.orNull,
        ]))
    ], optional: ["warnings": .list(.text())])

  private static let taskMembers: [String: JSONSchema] = [
    "first": JSONSchema.id.described("The delegation that began it."),
    "title": JSONSchema.text().orNull, "phase": .word(TaskPhase.self),
    "pullRequestState": JSONSchema.word(PullRequestState.self).orNull,
    "rounds": .integer(1...Int64.max), "attempts": .count, "linesAdded": .count,
    "linesRemoved": .count, "costMicrodollars": JSONSchema.count.orNull,
    "attemptsWithoutCost": .count, "workedMs": .count, "workingSince": JSONSchema.time.orNull,
    "requester": .text(),
    "delegation": .component(.delegation),
  ]

  static let taskSchema = JSONSchema.object(
    taskMembers, optional: ["warnings": .list(.text())])

  static let tasksByNeedSchema = JSONSchema.object(
    [
      "needs": .object(
        Dictionary(
          uniqueKeysWithValues: TaskNeed.allCases.map { need in
            (
              need.rawValue,
              JSONSchema.object(
                ["items": .list(.component(.task)), "next": JSONSchema.text().orNull],
                optional: ["count": .count])
            )
          })),
      "position": .position,
    ], optional: ["warnings": .list(.text())])
}
