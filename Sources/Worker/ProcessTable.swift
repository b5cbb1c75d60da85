// The processes that an agent started, found by a mark in their environment: what left the agent's
// group on purpose still carries it.

import FoundationEssentials
import Glibc

enum ProcessTable {
  /// The variable that every process of an attempt carries; its value is the attempt's folder.
  static let mark = "AIPM_ATTEMPT"

  static var ownNumber: Int32 { getpid() }

  /// The path of this program. Others may not follow `/proc/N/exe` of a process that keeps to
  /// itself, so the link is read here.
  static let ownProgram: String = {
    let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let gone = " (deleted)"
    return path.hasSuffix(gone) ? String(path.dropLast(gone.count)) : path
  }()

  /// The process as it can be told apart from later ones; nil where there is none.
  static func identity(of process: Int32) -> AgentIdentity? {
    guard let bytes = try? DurableFile.read("/proc/\(process)/stat", atMost: 4096) else {
      return nil
    }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    // Field 3 of proc(5), the state, is the first one after the name.
    let fields = text[end...].dropFirst().split(separator: " ")
    guard fields.count > 19, let ticks = UInt64(fields[19]) else { return nil }
    return AgentIdentity(processID: process, startTicks: ticks)
  }

  /// Whose processes are meant.
  enum Owner: Sendable {
    /// The attempt with this folder.
    case attempt(String)
    /// Every attempt whose folder is beneath this one.
    case beneath(String)

    func owns(_ variable: ArraySlice<UInt8>) -> Bool {
      switch self {
      case .attempt(let folder): variable.elementsEqual("\(mark)=\(folder)".utf8)
      case .beneath(let folder): variable.starts(with: "\(mark)=\(folder)/".utf8)
      }
    }
  }

  /// Processes that carry the mark; ours is never among them.
  static func processes(of owner: Owner) -> [Int32] {
    all().filter { process in
      guard process != getpid(),
        let bytes = try? DurableFile.read("/proc/\(process)/environ", atMost: 1 << 20)
      else { return false }
      return bytes.split(separator: 0).contains(where: owner.owns)
    }
  }

  /// Kills whatever carries the mark until nothing does.
  /// - Returns: false where something was still there at the limit.
  static func end(_ owner: Owner, within limit: Duration = .seconds(5)) async -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
      let processes = processes(of: owner)
      if processes.isEmpty { return true }
      guard clock.now < end else { return false }
      for process in processes { kill(process, SIGKILL) }
      // The kernel tells only parents of an end; these are none of our children. A cancelled task
      // would not sleep.
      await Task { try? await clock.sleep(for: .milliseconds(5)) }.value
    }
  }

  /// How many processes there are beneath this one, itself not counted. What a sandbox holds is all
  /// beneath it: there, orphans fall to its own first process.
  static func descendants(of process: Int32) -> Int {
    var children: [Int32: [Int32]] = [:]
    for process in all() {
      if let parent = parent(of: process) { children[parent, default: []].append(process) }
    }
    var count = 0
    var waiting = children[process] ?? []
    while let next = waiting.popLast() {
      count += 1
      waiting += children[next] ?? []
    }
    return count
  }

  private static func parent(of process: Int32) -> Int32? {
    guard let bytes = try? DurableFile.read("/proc/\(process)/stat", atMost: 1024) else {
      return nil
    }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[end...].dropFirst().split(separator: " ", maxSplits: 2)
    return fields.count > 1 ? Int32(fields[1]) : nil
  }

  private static func all() -> [Int32] {
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var processes: [Int32] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let number = Int32(name) { processes.append(number) }
    }
    return processes
  }
}
