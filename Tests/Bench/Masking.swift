import ArgumentParser
import EventLog

/// How long credentials are sought in the output that is the worst to seek them in.
struct Masking: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mask", abstract: "How long 16 MiB of the worst output take to be masked.")

  private static let bytes = 16 << 20
  private static let limitMs = 1000.0

  /// What begins as a credential again and again, and is none.
  private static let baits = [
    "eyJ-", "eyJaaaaaaaaaaaa.", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "://a", "://aaaaa:a",
    "ghp_", "sk-ant-", "AKIA", "-",
  ]

  func run() throws {
    let mask = try SecretMask(secrets: ["0f1e2d3c4b5a69788796a5b4c3d2e1f0", "a-webhook-secret-1"])
    var worst = 0.0
    for bait in Self.baits {
      let text = Array(
        String(repeating: bait, count: Self.bytes / bait.utf8.count).utf8)
      let started = ContinuousClock.now
      _ = mask.struckOut(text)
      let span = (ContinuousClock.now - started).components
      worst = max(worst, Double(span.seconds) * 1e3 + Double(span.attoseconds) / 1e15)
    }
    Figure(
      name: "mask-16-mib", value: worst, unit: "ms", limit: Self.limitMs, target: "< 1000 ms",
      met: worst < Self.limitMs
    ).tell()
  }
}
