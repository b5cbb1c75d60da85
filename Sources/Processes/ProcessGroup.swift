// The members of a process group.

import Glibc
import SystemCalls

enum ProcessGroup {
  /// Waits until no process in the group runs, so that child processes get as much time to end as
  /// the program itself. The kernel sends no event when a group becomes empty, hence the polling;
  /// it is only done after a SIGTERM.
  static func awaitEmpty(_ group: Int32, atMost limit: Duration) async {
    // The caller is cancelled, and a cancelled task does not sleep.
    await Task {
      let clock = ContinuousClock()
      let end = clock.now + limit
      while clock.now < end, hasMembers(group) {
        try? await clock.sleep(for: .milliseconds(10))
      }
    }.value
  }

  /// Whether a process of this group runs. Zombies do not count.
  static func hasMembers(_ group: Int32) -> Bool { !members(of: group, atMost: 1).isEmpty }

  /// Sends SIGTERM to everything in the group except its leader.
  static func terminateMembers(of group: Int32) {
    for process in members(of: group, atMost: .max) where process != group {
      kill(process, SIGTERM)
    }
  }

  private static func members(of group: Int32, atMost limit: Int) -> [Int32] {
    // Each process is looked at once: it may end at any moment, so a second look may differ.
    var members: [Int32] = []
    for process in ProcessFiles.all where members.count < limit {
      guard let status = ProcessFiles.status(of: process), status.group == group, !status.hasEnded
      else { continue }
      members.append(process)
    }
    return members
  }
}
