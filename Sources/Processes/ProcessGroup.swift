// Who is still in a process group.

import SystemCalls

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum ProcessGroup {
  /// Waits until nobody in the group runs any more, so that what a program started has as long to
  /// end itself as the program has. The kernel tells nobody that a group became empty, hence the
  /// looking; it is only done after a SIGTERM.
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

  /// Whether a process of this group runs; one that ended and was not reaped counts for nothing.
  static func hasMembers(_ group: Int32) -> Bool { !members(of: group, atMost: 1).isEmpty }

  /// SIGTERM to everything in the group but its leader.
  static func terminateMembers(of group: Int32) {
    for process in members(of: group, atMost: .max) where process != group {
      kill(process, SIGTERM)
    }
  }

  private static func members(of group: Int32, atMost limit: Int) -> [Int32] {
    let members = ProcessFiles.all.lazy.filter { process in
      ProcessFiles.status(of: process).map { $0.group == group && !$0.hasEnded } ?? false
    }
    return Array(members.prefix(limit))
  }
}
