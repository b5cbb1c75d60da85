import Domain
import Foundation
import NetworkRules
import Projections
import Text
import WorkerProtocol
import Workflows

/// What reads bytes of others without a server. It may refuse them, and must return.
struct Reader: Sendable {
  let name: String
  /// One of so many inputs is for it. Workflow files are long.
  var share = 50
  /// Valid inputs.
  let inputs: [[UInt8]]
  let read: @Sendable ([UInt8]) -> Void

  static let all: [Reader] = [
    Reader(name: "audit queries", inputs: queries.map { Array($0.utf8) }) { bytes in
      _ = try? AuditQuery(String(decoding: bytes, as: UTF8.self), now: Timestamp(milliseconds: 1))
    },
    Reader(name: "workflow files", share: 500, inputs: workflows) { bytes in
      _ = try? Workflow(source: String(decoding: bytes, as: UTF8.self), file: "fuzz.yaml")
    },
    Reader(name: "JSON", inputs: Requests.bodies) { bytes in
      _ = try? JSONValue(json: bytes)
    },
    Reader(name: "answers to workers", inputs: assignments) { bytes in
      _ = try? JSONDecoder().decode(Desired.self, from: Data(bytes))
    },
    Reader(name: "patterns and names", inputs: names.map { Array($0.utf8) }) { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      _ = RepositoryPattern(text)
      _ = RepositoryName(text)
      _ = BranchName.fault(text, isStamped: false)
      _ = WebURL(text)
      _ = try? AddressRange(parsing: text)
      _ = try? HostRule(parsing: text)
    },
  ]

  static let queries = [
    "type:delegation.failed actor:ann repo:acme/tools", "state:Pushed after:2026-01-01 before:7d",
    "pr:acme/tools#12 -type:worker.lost", "text:\"a b\" OR position:1..99", "code:agent-timeout",
    "PR1733356800123", "id:01a22636-77c0-7000-bb84-5515c4bf5126", "worker:worker-1 attempt:2",
  ]

  private static let workflows: [[UInt8]] = {
    let catalog = try? WorkflowCatalog()
    return (catalog?.all ?? []).map { Array($0.source.utf8) }
  }()

  private static let assignments: [[UInt8]] = [
    #"{"revision":3,"cancel":false,"drain":false}"#,
    #"{"revision":3,"assignment":null,"cancel":true,"drain":true}"#,
    """
    {"revision":9,"cancel":false,"drain":false,"assignment":{"lease":{"delegation":"d","attempt":1,\
    "token":4294967297},"repository":"acme/tools","branch":"b","head":"\
    0123456789012345678901234567890123456789"}}
    """,
  ].map { Array($0.utf8) }

  private static let names = [
    "acme/*", "acme/tools", "feature/add-export", "https://aipm.example:8443/prod?x=1",
    "10.0.0.0/24", "fd12:3456::/32", "*.example.com:443", "a/b/c", "[::1]:80",
  ]
}
