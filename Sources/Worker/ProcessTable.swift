// The processes that an agent started, found by a mark in their environment: what left the agent's
// group on purpose still carries it.

import FoundationEssentials
import Glibc
import SystemCalls

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
    ProcessFiles.status(of: process).map {
      AgentIdentity(processID: process, startTicks: $0.startTicks)
    }
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
    ProcessFiles.all.filter { process in
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
      guard let parent = ProcessFiles.status(of: next)?.parent else { return false }
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
    var children: [Int32: [(process: Int32, facts: ProcessFiles.Status)]] = [:]
    for process in ProcessFiles.all {
      guard let facts = ProcessFiles.status(of: process) else { continue }
      children[facts.parent, default: []].append((process, facts))
    }
    var use = Use()
    var waiting = (children[process] ?? []).map { (process: $0.process, facts: $0.facts, depth: 1) }
    if !isSandbox, let facts = ProcessFiles.status(of: process) {
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

  /// Where proc(5) tells of a process's memory and open files; nil if it has ended. A process whose
  /// first thread has ended goes on with the others, and only they tell of it.
  fileprivate static func living(_ process: Int32, _ facts: ProcessFiles.Status) -> String? {
    let path = "/proc/\(process)"
    guard facts.hasEnded else { return path }
    guard facts.threads > 1 else { return nil }
    return ProcessFiles.numbers(in: "\(path)/task").lazy.map { "\(path)/task/\($0)" }
      .first { ProcessFiles.status(at: $0).map { !$0.hasEnded } ?? false }
  }

  /// Whether what stands at a path of proc(5) has ended.
  static func hasEnded(_ path: String) -> Bool { ProcessFiles.status(at: path)?.hasEnded ?? true }
}

extension ProcessTable.Use {
  fileprivate mutating func add(
    _ process: Int32, _ facts: ProcessFiles.Status, isSandbox: Bool, countsMemory: Bool
  ) {
    threads += facts.threads
    guard let path = ProcessTable.living(process, facts) else { return }
    members.append(.init(path: path, isSandbox: isSandbox))
    if countsMemory { memoryBytes += ProcessFiles.memoryBytes(at: path) }
  }
}
