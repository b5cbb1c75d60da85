#if PostgreSQL

import Foundation
import Glibc
import TestKit

/// A network namespace for one server, and a cable between it and this machine. The namespace ends
/// with the processes in it, and the cable with the namespace, so nothing is left behind if a test
/// is killed.
final class NetworkCell: Sendable {
  /// Whether this system lets a test make one: it is tried.
  static let isPossible: Bool = {
    guard let cell = try? NetworkCell() else { return false }
    cell.end()
    return true
  }()

  /// The addresses of the two ends of the cable.
  let outside: String
  let inside: String
  /// The end of the cable on this machine.
  private let cable: String
  /// Keeps the namespace, until its standard input ends.
  private let keeper: Process
  private let input: Pipe
  /// Runs `aipm` in the namespace.
  let program: String

  init() throws {
    // A test network that is routed nowhere (RFC 2544). Tests may run beside each other.
    let process = Int(getpid())
    let network = "198.18.\(process >> 6 & 0xff)"
    (outside, inside) = ("\(network).\(process % 64 * 4 + 1)", "\(network).\(process % 64 * 4 + 2)")
    cable = "aipm\(process)"
    program = NSTemporaryDirectory() + "aipm-in-cell-" + UUID().uuidString
    keeper = Process()
    input = Pipe()
    let output = Pipe()
    keeper.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    keeper.arguments = ["unshare", "--net", "sh", "-c", "echo made; exec cat >/dev/null"]
    keeper.standardInput = input
    keeper.standardOutput = output
    try keeper.run()
    // Its end comes in place of the word if this is not allowed.
    guard !output.fileHandleForReading.availableData.isEmpty else {
      throw KitFault("no network namespace can be made")
    }
    do {
      try connect()
      try """
      #!/bin/sh
      exec nsenter --target \(keeper.processIdentifier) --net -- \(Program.aipm) "$@"

      """.write(toFile: program, atomically: true, encoding: .utf8)
      guard chmod(program, 0o755) == 0 else { throw KitFault("chmod \(program)") }
    } catch {
      end()
      throw error
    }
  }

  private func connect() throws {
    let process = keeper.processIdentifier
    let into = ["nsenter", "--target", "\(process)", "--net", "--"]
    for words in [
      ["ip", "link", "add", cable, "type", "veth", "peer", "name", "cable", "netns", "\(process)"],
      ["ip", "address", "add", "\(outside)/30", "dev", cable],
      ["ip", "link", "set", cable, "up"],
      into + ["ip", "address", "add", "\(inside)/30", "dev", "cable"],
      into + ["ip", "link", "set", "cable", "up"],
      into + ["ip", "link", "set", "lo", "up"],
    ] { try Self.run(words) }
  }

  private static func run(_ words: [String]) throws {
    let command = Process()
    command.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    command.arguments = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] + words
    command.standardError = FileHandle.nullDevice
    try command.run()
    command.waitUntilExit()
    guard command.terminationStatus == 0 else {
      throw KitFault("\(words.joined(separator: " ")) failed")
    }
  }

  /// Options of the server in it, so that others reach it.
  var listening: [String] { ["--host", inside, "--insecure-http"] }

  /// Pulls the cable.
  func cut() throws { try Self.run(["ip", "link", "set", cable, "down"]) }
  /// Puts the cable back.
  func mend() throws { try Self.run(["ip", "link", "set", cable, "up"]) }

  func end() {
    try? Self.run(["ip", "link", "delete", cable])
    try? input.fileHandleForWriting.close()
    keeper.waitUntilExit()
    try? FileManager.default.removeItem(atPath: program)
  }
}

#endif
