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

  /// The name of the program that a process runs, at most 15 bytes; nil if it has ended.
  static func name(of process: Int32) -> [UInt8]? {
    try? DurableFile.read("/proc/\(process)/comm", atMost: 64)
  }

  /// Whether a process, or one above it, is such a one.
  static func descends(_ process: Int32, from isSuch: (Int32) -> Bool) -> Bool {
    var next = process
    while next > 0 {
      if isSuch(next) { return true }
      guard let parent = facts(of: next)?.parent else { return false }
      next = parent
    }
    return false
  }

  /// What the processes of an agent take of the machine.
  struct Use: Equatable, Sendable {
    /// Each process has at least one.
    var threads = 0
    /// Memory that is theirs alone: nothing that is shared with a file or another process.
    var memoryBytes = 0
    var members: [Member] = []
  }

  /// A process that has memory and open files.
  struct Member: Equatable, Sendable {
    /// Where proc(5) tells of it.
    var path: String
    /// The sandbox's own: bubblewrap, which runs the agent and holds nothing of it.
    var isSandbox: Bool
  }

  /// What a process and those beneath it take. What a sandbox holds is all beneath its first
  /// process: there, orphans fall to that one.
  /// - Parameter isSandbox: the process is bubblewrap, as is its child. They are not counted.
  static func use(of process: Int32, isSandbox: Bool, countsMemory: Bool) -> Use {
    var children: [Int32: [(process: Int32, facts: Facts)]] = [:]
    for process in all() {
      guard let facts = facts(of: process) else { continue }
      children[facts.parent, default: []].append((process, facts))
    }
    var use = Use()
    var waiting = (children[process] ?? []).map { (process: $0.process, facts: $0.facts, depth: 1) }
    if !isSandbox, let facts = facts(of: process) {
      use.add(process, facts, isSandbox: false, countsMemory: countsMemory)
    }
    while let next = waiting.popLast() {
      use.add(
        next.process, next.facts, isSandbox: isSandbox && next.depth == 1,
        countsMemory: countsMemory)
      waiting += (children[next.process] ?? []).map { ($0.process, $0.facts, next.depth + 1) }
    }
    return use
  }

  fileprivate struct Facts {
    var parent: Int32
    var threads: Int
    /// It has ended, or its first thread has.
    var hasEnded: Bool
  }

  /// Fields 3, 4 and 20 of /proc/N/stat, proc(5).
  private static func facts(of process: Int32) -> Facts? { facts(at: "/proc/\(process)") }

  private static func facts(at path: String) -> Facts? {
    guard let bytes = try? DurableFile.read("\(path)/stat", atMost: 1024),
      // The name before it may hold anything.
      let end = bytes.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 18)
    guard fields.count > 17, let parent = Int32(String(decoding: fields[1], as: UTF8.self)),
      let threads = Int(String(decoding: fields[17], as: UTF8.self))
    else { return nil }
    let state = fields[0].first
    return Facts(
      parent: parent, threads: threads,
      hasEnded: state == UInt8(ascii: "Z") || state == UInt8(ascii: "X"))
  }

  /// Where proc(5) tells of a process's memory and open files; nil if it has ended. A process whose
  /// first thread has ended goes on with the others, and only they tell of it.
  fileprivate static func living(_ process: Int32, _ facts: Facts) -> String? {
    let path = "/proc/\(process)"
    guard facts.hasEnded else { return path }
    guard facts.threads > 1 else { return nil }
    return numbers(in: "\(path)/task").lazy.map { "\(path)/task/\($0)" }
      .first { Self.facts(at: $0).map { !$0.hasEnded } ?? false }
  }

  /// Whether what stands at a path of proc(5) has ended.
  static func hasEnded(_ path: String) -> Bool { facts(at: path)?.hasEnded ?? true }

  /// Resident pages less the shared ones, statm of proc(5).
  fileprivate static func memoryBytes(at path: String) -> Int {
    guard let bytes = try? DurableFile.read("\(path)/statm", atMost: 256) else { return 0 }
    let pages = String(decoding: bytes, as: UTF8.self).split(separator: " ").prefix(3)
      .compactMap { Int($0) }
    return pages.count == 3 ? max(0, pages[1] - pages[2]) * pageBytes : 0
  }

  private static let pageBytes = sysconf(Int32(_SC_PAGESIZE))

  private static func all() -> [Int32] { numbers(in: "/proc") }

  private static func numbers(in path: String) -> [Int32] {
    guard let folder = opendir(path) else { return [] }
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

extension ProcessTable.Use {
  fileprivate mutating func add(
    _ process: Int32, _ facts: ProcessTable.Facts, isSandbox: Bool, countsMemory: Bool
  ) {
    threads += facts.threads
    guard let path = ProcessTable.living(process, facts) else { return }
    members.append(.init(path: path, isSandbox: isSandbox))
    if countsMemory { memoryBytes += ProcessTable.memoryBytes(at: path) }
  }
}
