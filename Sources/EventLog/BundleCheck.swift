import Cryptography
import Domain
import Text

/// Checks a bundle line by line.
package struct BundleCheck: Sendable {
  package private(set) var header: BundleHeader?
  /// The delegation's events.
  package private(set) var events: [StoredEvent] = []
  /// The faults, in the order of the bundle.
  package private(set) var faults: [String] = []
  /// The chain up to here.
  private var chain = LogHead.empty
  /// Redacted events whose redaction is not recorded in the file yet.
  private var unexplained: Set<Int64> = []
  private static let faultsMax = 100

  package init() {}

  /// Checks the next line.
  package mutating func take(_ line: [UInt8]) {
    guard let json = try? JSONValue(json: line) else { return note("a line is no JSON") }
    do throws(CodecFault) {
      if header == nil {
        let first = try BundleHeader(json)
        header = first
        chain = first.before
      } else if json["leaves"] != .null {
        takeLeaves(json)
      } else {
        try take(try StoredEvent(exported: line))
      }
    } catch {
      note("\(error)")
    }
  }

  /// Checks what needs all lines.
  package mutating func finish() {
    guard let header else { return note("it is empty") }
    if chain.position != header.head.position {
      note("it ends at position \(chain.position), and should at \(header.head.position)")
    } else if chain.hash != header.head.hash {
      note("the chain does not lead to the hash of its head")
    }
    if events.isEmpty { note("it holds no event of the delegation \(header.delegation)") }
    for position in unexplained.sorted() {
      note("the text of event \(position) is gone, and no event says why")
    }
    let textless = events.filter { $0.recomputedPayloadHash == nil }.map(\.position)
    if textless != header.redacted.sorted() {
      note("its first line says that \(header.redacted) were redacted, and it was \(textless)")
    }
    if let workflow = header.workflow, let source = workflow.source,
      SHA256.hex(source.utf8) != workflow.digest
    {
      note("the workflow's definition does not fit its digest")
    }
  }

  private mutating func takeLeaves(_ json: JSONValue) {
    guard let leaves = json["leaves"].arrayValue, let position = json["position"].integerValue,
      position == chain.position + 1
    else { return note("the leaves after position \(chain.position) are not the next") }
    for leaf in leaves {
      guard let bytes = leaf.stringValue.flatMap({ Hex.decode($0) }), bytes.count == 32 else {
        return note("the leaf after position \(chain.position) is invalid")
      }
      chain = LogHead(
        position: chain.position + 1, hash: LogHash.chain(previous: chain.hash, leaf: bytes))
    }
  }

  private mutating func take(_ stored: StoredEvent) throws(CodecFault) {
    var check = ChainCheck(after: chain)
    if let fault = check.take(stored) { note(fault) }
    chain = check.head
    let isRedacted = stored.recomputedPayloadHash == nil
    if isRedacted { unexplained.insert(stored.position) }
    if case .system(.redacted(let position, _)) = try stored.leanEvent() {
      unexplained.remove(position)
    }
    guard let header, stored.stream.name == .delegation(header.delegation) else { return }
    let version = (events.last?.version ?? 0) + 1
    if stored.version != version {
      note("event \(stored.position) has version \(stored.version), and \(version) is the next")
    }
    events.append(stored)
  }

  private mutating func note(_ fault: String) {
    if faults.count < Self.faultsMax { faults.append(fault) }
  }
}
