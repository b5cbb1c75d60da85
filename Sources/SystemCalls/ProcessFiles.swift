import Glibc

/// Facts about processes and their threads, from proc(5).
package enum ProcessFiles {
  /// Fields of `/proc/N/stat`.
  package struct Status: Equatable, Sendable {
    /// One letter, such as `R`.
    package var state: UInt8
    package var parent: Int32
    package var group: Int32
    package var threads: Int
    /// The start time in clock ticks since the machine's start. Together with its number it
    /// identifies a process.
    package var startTicks: UInt64

    /// The process or its first thread has ended.
    package var hasEnded: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
  }

  /// The numbers of all processes.
  package static var all: [Int32] { numbers(in: "/proc") }

  /// The names in a folder that are numbers.
  package static func numbers(in path: String) -> [Int32] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var numbers: [Int32] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let number = Int32(name) { numbers.append(number) }
    }
    return numbers
  }

  /// nil if the process does not exist.
  package static func status(of process: Int32) -> Status? { status(at: "/proc/\(process)") }

  /// - Parameter path: a process's or a thread's, such as `/proc/1/task/1`.
  package static func status(at path: String) -> Status? {
    guard let bytes = try? DurableFile.read("\(path)/stat", atMost: 1024),
      // The name before it, in parentheses, may contain any byte.
      let end = bytes.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    // The first field here is field 3 of proc(5).
    let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 20)
    func number<Number: FixedWidthInteger>(_ field: Int) -> Number? {
      fields.count > field - 3
        ? Number(String(decoding: fields[field - 3], as: UTF8.self)) : nil
    }
    guard let state = fields.first?.first, let parent: Int32 = number(4),
      let group: Int32 = number(5), let threads: Int = number(20),
      let startTicks: UInt64 = number(22)
    else { return nil }
    return Status(
      state: state, parent: parent, group: group, threads: threads, startTicks: startTicks)
  }

  /// Resident pages without the shared ones, in bytes; 0 if the process has ended.
  /// - Parameter path: a process's or a thread's.
  package static func memoryBytes(at path: String) -> Int {
    guard let bytes = try? DurableFile.read("\(path)/statm", atMost: 256) else { return 0 }
    let pages = String(decoding: bytes, as: UTF8.self).split(separator: " ").prefix(3)
      .compactMap { Int($0) }
    return pages.count == 3 ? max(0, pages[1] - pages[2]) * pageBytes : 0
  }

  private static let pageBytes = sysconf(Int32(_SC_PAGESIZE))
}
