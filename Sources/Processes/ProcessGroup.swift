// Who is still in a process group.

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
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var members: [Int32] = []
    while members.count < limit, let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let number = Int32(name), let (state, its) = status(of: number) else { continue }
      if its == group && state != "Z" && state != "X" { members.append(number) }
    }
    return members
  }

  /// State and group out of `/proc/N/stat` (proc(5)): both stand after the name in parentheses.
  private static func status(of process: Int32) -> (state: Substring, group: Int32)? {
    let file = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 1024)
    let count = read(file, &buffer, buffer.count)
    guard count > 0 else { return nil }
    let text = String(decoding: buffer.prefix(count), as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[end...].dropFirst().split(separator: " ")
    guard fields.count > 2, let group = Int32(fields[2]) else { return nil }
    return (fields[0], group)
  }
}
