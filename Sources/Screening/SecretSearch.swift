/// A search for credentials in one pass: by their shapes, and by known values. The time is linear
/// in the input.
package struct SecretSearch: Sendable {
  /// What the caller does with matches.
  package enum Purpose: Sendable {
    /// They are masked. Too many matches are better than too few.
    case masking
    /// A change that contains one is refused. Examples from documentation are allowed.
    case refusing
  }

  fileprivate enum Target: Sendable {
    case value(KnownValue.Form, of: Int)
    case shape(CredentialShape, slot: Int)
  }

  private let purpose: Purpose
  private let values: [KnownValue]
  private let targets: [Target]
  /// The index in `buckets` for the first two bytes; 0 if absent.
  private let table: [UInt16]
  private let buckets: [[Int]]
  private let slots: Int

  /// The largest number of bytes that decide on a match.
  package static let reach = 8192

  /// - Parameters:
  ///   - values: known credentials. Each line of a value is searched. Lines that are too short to
  ///     be distinguished from other text are ignored.
  ///   - shapes: whether to search for shapes too.
  ///   - purpose: what the caller does with matches.
  package init(values: [String] = [], shapes: Bool = true, purpose: Purpose) {
    self.purpose = purpose
    var seen: Set<[UInt8]> = []
    self.values = values.flatMap { KnownValue.lines(of: $0) }.filter {
      seen.insert($0.bytes).inserted && (purpose == .masking || $0.isDistinct)
    }
    var targets: [Target] = []
    for (index, value) in self.values.enumerated() {
      for form in value.forms { targets.append(.value(form, of: index)) }
    }
    var slots = 0
    let wanted = CredentialShape.all.filter { purpose == .masking || $0.refusesFrom != nil }
    for shape in shapes ? wanted : [] {
      targets.append(.shape(shape, slot: slots))
      slots += CredentialShape.slots
    }
    var table = [UInt16](repeating: 0, count: 1 << 16)
    var buckets: [[Int]] = [[]]
    for (index, target) in targets.enumerated() {
      for head in target.heads {
        if table[head] == 0 {
          table[head] = UInt16(buckets.count)
          buckets.append([])
        }
        buckets[Int(table[head])].append(index)
      }
    }
    self.targets = targets
    self.slots = slots
    self.table = table
    self.buckets = buckets
  }

  /// Whether it searches for known values.
  package var hasValues: Bool { !values.isEmpty }

  /// A credential that was found.
  struct Match {
    var range: Range<Int>
    var credential: Credential
    var rest: ByteSet?
  }

  /// Finds matches that begin in `starts`. They may end after it.
  func scan(
    _ bytes: UnsafeBufferPointer<UInt8>, at starts: Range<Int>, _ body: (Match) -> Void
  ) {
    var runs = RunEnds(slots: slots)
    table.withUnsafeBufferPointer { table in
      var index = starts.lowerBound
      let last = min(starts.upperBound, bytes.count - 1)
      while index < last {
        let bucket = table[Int(bytes[index]) << 8 | Int(bytes[index + 1])]
        if bucket != 0 {
          for target in buckets[Int(bucket)] {
            if let match = match(targets[target], at: index, in: bytes, &runs) { body(match) }
          }
        }
        index += 1
      }
    }
  }

  private func match(
    _ target: Target, at start: Int, in bytes: UnsafeBufferPointer<UInt8>, _ runs: inout RunEnds
  ) -> Match? {
    switch target {
    case .value(let form, let index):
      guard let end = form.end(at: start, in: bytes) else { return nil }
      return Match(
        range: start..<end, credential: Credential(identity: values[index].bytes, isKnown: true))
    case .shape(let shape, let slot):
      guard bytes[start...].starts(with: shape.mark),
        let found = shape.found(
          at: start, in: bytes, refusing: purpose == .refusing, &runs, slot: slot)
      else { return nil }
      return Match(
        range: found.range, credential: Credential(identity: found.identity, isKnown: false),
        rest: found.rest)
    }
  }

  /// The bytes with which a credential may continue after the end of a text.
  package typealias Rest = ByteSet

  /// The ranges of credentials, in order, merged where they overlap or touch.
  package func ranges(in bytes: [UInt8]) -> [Range<Int>] {
    var rest: Rest?
    return ranges(in: bytes, from: 0, &rest)
  }

  /// Whether a text contains a credential.
  package func isFound(in text: some StringProtocol) -> Bool {
    !ranges(in: Array(text.utf8)).isEmpty
  }

  /// The start of the first known value that more bytes could complete; the end if absent.
  /// It is at most `reach` bytes before the end, so a caller keeps back a bounded number of bytes.
  func beginning(atEndOf bytes: [UInt8]) -> Int {
    let forms = targets.compactMap { target in
      if case .value(let form, _) = target { form } else { nil }
    }
    return bytes.withUnsafeBufferPointer { bytes in
      (max(0, bytes.count - Self.reach)..<bytes.count).first { start in
        forms.contains { $0.isBegun(at: start, in: bytes) }
      } ?? bytes.count
    }
  }

  /// The ranges of credentials in a text that comes in pieces.
  /// - Parameters:
  ///   - start: where the new piece begins; earlier bytes were searched before.
  ///   - rest: in: of a credential that reached `start`; out: of one that reaches the end.
  package func ranges(in bytes: [UInt8], from start: Int, _ rest: inout Rest?) -> [Range<Int>] {
    var merged: [Range<Int>] = []
    if let set = rest {
      var end = start
      while end < bytes.count, set.contains(bytes[end]) { end += 1 }
      if end < bytes.count { rest = nil }
      merged = [start..<end]
    }
    var open = rest
    bytes.withUnsafeBufferPointer { bytes in
      scan(bytes, at: 0..<bytes.count) { match in
        let range = match.range
        if range.upperBound == bytes.count, let rest = match.rest { open = rest }
        // Merged at once if that is cheap: there may be a match at each byte.
        if let last = merged.last, last.contains(range.lowerBound) {
          merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
        } else {
          merged.append(range)
        }
      }
    }
    rest = open
    return Self.disjoint(merged)
  }

  /// The ranges in order, without empty ones, merged where they overlap or touch.
  package static func disjoint(_ ranges: [Range<Int>]) -> [Range<Int>] {
    var merged: [Range<Int>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = merged.last, range.lowerBound <= last.upperBound {
        merged[merged.count - 1] =
          last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
  }
}

extension SecretSearch.Target {
  /// The first two bytes as indexes of the table. A line break may be between them if the form is
  /// wrapped.
  fileprivate var heads: [Int] {
    switch self {
    case .value(let form, _):
      ([form.bytes[1]] + (form.isWrapped ? [10, 13] : [])).map { Int(form.bytes[0]) << 8 | Int($0) }
    case .shape(let shape, _): [Int(shape.mark[0]) << 8 | Int(shape.mark[1])]
    }
  }
}

extension KnownValue.Form {
  /// The end of the form if the text contains it at `start`.
  fileprivate func end(at start: Int, in text: UnsafeBufferPointer<UInt8>) -> Int? {
    let found = common(at: start, in: text)
    return found.count == bytes.count ? found.end : nil
  }

  /// Whether the text ends within the form.
  fileprivate func isBegun(at start: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    let found = common(at: start, in: text)
    return found.count > 0 && found.count < bytes.count && found.end == text.count
  }

  /// How many bytes of the form the text contains at `start`, and where they end.
  private func common(
    at start: Int, in text: UnsafeBufferPointer<UInt8>
  ) -> (count: Int, end: Int) {
    var end = start
    for (count, byte) in bytes.enumerated() {
      while isWrapped, count > 0, end < text.count, text[end] == 10 || text[end] == 13 {
        end += 1
      }
      guard end < text.count, text[end] == byte else { return (count, end) }
      end += 1
    }
    return (bytes.count, end)
  }
}

/// The identity of a credential, independent of its position and encoding.
package struct Credential: Hashable, Sendable {
  /// Its bytes, or enough of them to identify it. Never to be shown.
  package let identity: [UInt8]
  /// Whether it is a known value; false if it was found by its shape.
  package let isKnown: Bool
}

/// The credentials in a sequence of texts, by the number of the text.
package struct SecretFindings: Sendable {
  private let search: SecretSearch
  private var scan: SecretScan
  /// Texts without credentials are left out.
  package private(set) var byIndex: [Int: Set<Credential>] = [:]

  package init(_ search: SecretSearch) {
    self.search = search
    scan = SecretScan(search)
  }

  /// Appends a piece of the current text.
  package mutating func append(_ piece: some Sequence<UInt8>) { scan.append(piece) }

  /// Ends the current text, which has this number.
  package mutating func finish(_ index: Int) {
    scan.finish()
    if scan.found.isEmpty { return }
    byIndex[index] = scan.found
    scan = SecretScan(search)
  }
}

/// A search through a stream of bytes, in bounded memory.
package struct SecretScan: Sendable {
  private let search: SecretSearch
  private var pending: [UInt8] = []
  /// How many bytes at the beginning were searched. One is kept, because a mark may have to follow
  /// a byte that is not a letter.
  private var seen = 0

  /// The credentials that were found.
  package private(set) var found: Set<Credential> = []
  /// Further credentials are not recorded: a change with so many is not an accident.
  package static let foundMax = 1000

  private static let pieceMin = 1 << 16

  package init(_ search: SecretSearch) { self.search = search }

  /// Appends a piece of the current text.
  package mutating func append(_ piece: some Sequence<UInt8>) {
    pending.append(contentsOf: piece)
    if pending.count >= Self.pieceMin + SecretSearch.reach {
      search(below: pending.count - SecretSearch.reach)
    }
  }

  /// Ends the current text; the next piece begins another one.
  package mutating func finish() {
    search(below: pending.count)
    pending.removeAll(keepingCapacity: true)
    seen = 0
  }

  private mutating func search(below end: Int) {
    var found = found
    pending.withUnsafeBufferPointer { bytes in
      search.scan(bytes, at: seen..<max(seen, end)) { match in
        if found.count < Self.foundMax { found.insert(match.credential) }
      }
    }
    self.found = found
    pending.removeFirst(max(0, end - 1))
    seen = min(end, 1)
  }

  /// The credentials in a text.
  package static func found(in bytes: [UInt8], by search: SecretSearch) -> Set<Credential> {
    var scan = SecretScan(search)
    scan.append(bytes)
    scan.finish()
    return scan.found
  }
}
