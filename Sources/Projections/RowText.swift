import Cryptography
import Domain
import EventLog
import Text

/// A row of a view.
package protocol ViewRow {
  /// The row as one object: what digests are made of, and what a difference prints.
  var json: JSONValue { get }

  /// Hands over the members of the object in the order of their keys.
  func write(to members: inout MemberWriter)
}

/// Writes the canonical JSON of an object member by member: `json.canonical` without an object to
/// sort, which a digest of a hundred thousand rows would do little else than make.
package struct MemberWriter: ~Copyable {
  private var out = ByteWriter()
  private var isFirst = true

  init() {}

  /// The object; valid until the next is begun.
  fileprivate var bytes: UnsafeRawBufferPointer { out.bytes }
  var text: String { String(decoding: out.bytes, as: UTF8.self) }

  mutating func begin() {
    out.removeAll()
    out.append(UInt8(ascii: "{"))
    isFirst = true
  }

  mutating func end() { out.append(UInt8(ascii: "}")) }

  mutating func put(_ key: StaticString, _ text: String?) {
    guard let text else { return }
    put(key)
    out.append(json: text)
  }

  mutating func put(_ key: StaticString, _ number: Int64?) {
    guard let number else { return }
    put(key)
    out.append(decimal: number)
  }

  mutating func put(_ key: StaticString, _ flag: Bool?) {
    guard let flag else { return }
    put(key)
    out.append(flag ? "true" as StaticString : "false")
  }

  mutating func put(_ key: StaticString, _ texts: [String]) {
    put(key)
    out.append(UInt8(ascii: "["))
    for (index, text) in texts.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      out.append(json: text)
    }
    out.append(UInt8(ascii: "]"))
  }

  private mutating func put(_ key: StaticString) {
    if !isFirst { out.append(UInt8(ascii: ",")) }
    isFirst = false
    out.append(UInt8(ascii: "\""))
    out.append(key)
    out.append("\":" as StaticString)
  }
}

/// Hashes rows, one after another.
struct RowHasher: ~Copyable {
  private var members = MemberWriter()
  private var hash = SHA256()

  /// The SHA-256 of a row, as four numbers.
  mutating func lanes(of row: some ViewRow) -> SIMD4<UInt64> {
    members.begin()
    row.write(to: &members)
    members.end()
    hash.update(members.bytes)
    return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest in
      hash.finish(into: digest)
      var lanes = SIMD4<UInt64>.zero
      for index in 0..<4 {
        lanes[index] = UInt64(
          bigEndian: digest.load(fromByteOffset: 8 * index, as: UInt64.self))
      }
      return lanes
    }
  }
}

// In each of these the keys stand in their order.

extension DelegationRow: ViewRow {
  /// See `ViewRow`.
  package func write(to members: inout MemberWriter) {
    members.put("agent", agent)
    members.put("attempt", attempt)
    members.put("baseBranch", baseBranch)
    members.put("baseSHA", baseSHA)
    members.put("branch", branch)
    members.put("cancelRequested", cancelRequested)
    members.put("commitSHA", commitSHA)
    members.put("digest", digest)
    members.put("failureCode", failureCode?.rawValue)
    members.put("failureRetryable", failureRetryable)
    members.put("failureStep", failureStep?.rawValue)
    members.put("id", id.rawValue)
    members.put("nextIntent", nextIntent)
    members.put("position", position)
    members.put("pr", pr)
    members.put("prState", prState?.rawValue)
    members.put("prURL", prURL)
    members.put("priority", priority)
    members.put("quarantine", quarantine)
    members.put("repository", repository)
    members.put("requestedAt", requestedAt)
    members.put("requester", requester)
    members.put("retryAt", retryAt)
    members.put("stamp", stamp)
    members.put("state", state.rawValue)
    members.put("stateSince", stateSince)
    members.put("taskCommitSHA", taskCommitSHA)
    members.put("troubleCode", troubleCode?.rawValue)
    members.put("updatedAt", updatedAt)
    members.put("version", version)
    members.put("worker", worker)
    members.put("workflow", workflow)
  }
}

extension PullRequestRow: ViewRow {
  /// See `ViewRow`.
  package func write(to members: inout MemberWriter) {
    members.put("branch", branch)
    members.put("delegation", delegation.rawValue)
    members.put("delegationStamp", delegationStamp)
    members.put("delegationState", delegationState.rawValue)
    members.put("number", number)
    members.put("repository", repository)
    members.put("state", state.rawValue)
    members.put("url", url)
  }
}

extension WorkerRow: ViewRow {
  /// See `ViewRow`.
  package func write(to members: inout MemberWriter) {
    members.put("agents", agents)
    members.put("delegation", delegation?.rawValue)
    members.put("host", host)
    members.put("id", id.rawValue)
    members.put("incarnation", incarnation)
    members.put("local", local)
    members.put("restarts", restarts)
    members.put("since", since)
    members.put("state", state.rawValue)
    members.put("version", version)
  }
}
