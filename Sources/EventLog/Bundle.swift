import Domain
import Text

/// The evidence of one delegation in a file that can be checked without the database. It contains
/// the delegation's events, the events that redacted them, and the hash leaf of every other event
/// up to a head. So the chain can be verified, and nothing of other delegations is disclosed.
/// HashFormat.md of the guide describes the format.
package struct BundleHeader: Equatable, Sendable {
  package static let format = "aipm-bundle-1"

  package var delegation: DelegationID
  /// The event before the first one in the file.
  package var before: LogHead
  /// The last event in the file: the end of the log when the file was made.
  package var head: LogHead
  /// The positions of this delegation's events whose text was redacted.
  package var redacted: [Int64]
  /// The workflow definition of the delegation; its digest is the definition's SHA-256.
  package var workflow: (name: String, digest: String, source: String?)?

  package init(
    delegation: DelegationID, before: LogHead, head: LogHead, redacted: [Int64],
    workflow: (name: String, digest: String, source: String?)?
  ) {
    self.delegation = delegation
    self.before = before
    self.head = head
    self.redacted = redacted
    self.workflow = workflow
  }

  package static func == (a: Self, b: Self) -> Bool { a.json == b.json }

  package var json: JSONValue {
    func encode(_ head: LogHead) -> JSONValue {
      .object([
        "position": .integer(head.position), "hash": .string(Hex.encode(head.hash)),
      ])
    }
    return .object([
      "format": .string(Self.format), "delegation": .string(delegation.rawValue),
      "before": encode(before), "head": encode(head),
      "redacted": .array(redacted.map { .integer($0) }),
      "workflow": workflow.map {
        .object([
          "name": .string($0.name), "digest": .string($0.digest),
          "source": $0.source.map { .string($0) } ?? .null,
        ])
      } ?? .null,
    ])
  }

  /// - Throws: `CodecFault` if the line is invalid.
  init(_ json: JSONValue) throws(CodecFault) {
    func decode(_ json: JSONValue) -> LogHead? {
      guard let position = json["position"].integerValue, position >= 0,
        let hash = json["hash"].stringValue.flatMap({ Hex.decode($0) }), hash.count == 32
      else { return nil }
      return LogHead(position: position, hash: hash)
    }
    guard json["format"].stringValue == Self.format else {
      throw CodecFault(type: "bundle", reason: "its first line is no \(Self.format)")
    }
    guard let id = json["delegation"].stringValue, let before = decode(json["before"]),
      let head = decode(json["head"]), let redacted = json["redacted"].arrayValue
    else {
      throw CodecFault(type: "bundle", reason: "its first line is incomplete")
    }
    let workflow = json["workflow"]
    self.init(
      delegation: DelegationID(id), before: before, head: head,
      redacted: redacted.compactMap(\.integerValue),
      workflow: workflow["digest"].stringValue.map {
        (workflow["name"].stringValue ?? "", $0, workflow["source"].stringValue)
      })
  }
}

/// Writes the lines of a bundle after its first, from the events of the log in their order.
package struct BundleWriter: Sendable {
  /// The most leaves in one line.
  private static let leavesMax = 500

  private let delegation: DelegationID
  private let positions: Set<Int64>
  private var leaves: [[UInt8]] = []
  private var firstLeaf: Int64 = 0

  /// - Parameter positions: of the delegation's events.
  package init(delegation: DelegationID, positions: some Sequence<Int64>) {
    self.delegation = delegation
    self.positions = Set(positions)
  }

  /// Takes the next event.
  /// - Returns: the complete lines, each with its line end.
  package mutating func take(_ event: StoredEvent) -> String {
    if isShown(event) { return flush() + event.json.canonicalText + "\n" }
    guard let leaf = try? LogHash.leaf(of: event) else {
      // The chain cannot be verified across such an event; the check of the bundle reports it.
      let gap = JSONValue.object(["position": .integer(event.position), "leaf": .null])
      return flush() + gap.canonicalText + "\n"
    }
    if leaves.isEmpty { firstLeaf = event.position }
    leaves.append(leaf)
    return leaves.count == Self.leavesMax ? flush() : ""
  }

  /// The incomplete last line; empty if there is no such line.
  package mutating func flush() -> String {
    guard !leaves.isEmpty else { return "" }
    let line = JSONValue.object([
      "leaves": .array(leaves.map { .string(Hex.encode($0)) }), "position": .integer(firstLeaf),
    ])
    leaves = []
    return line.canonicalText + "\n"
  }

  private func isShown(_ event: StoredEvent) -> Bool {
    if event.stream.name == .delegation(delegation) { return true }
    guard event.type == Int64(EventType.systemRedacted.rawValue),
      case .system(.redacted(let position, _))? = try? event.leanEvent()
    else { return false }
    return positions.contains(position)
  }
}
