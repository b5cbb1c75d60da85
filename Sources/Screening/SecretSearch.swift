/// What is looked for, all at once and in one pass: the shapes of credentials, and values that are
/// known. The time is linear in the input.
package struct SecretSearch: Sendable {
  /// What is done with what is found.
  package enum Purpose: Sendable {
    /// It is taken out of words: better one too many.
    case masking
    /// A change that holds it is refused: one that is documented or plainly made up is let pass.
    case refusing
  }

  fileprivate enum Target: Sendable {
    case value(KnownValue.Form, of: Int)
    case shape(CredentialShape, slot: Int)
  }

  private let purpose: Purpose
  private let values: [KnownValue]
  private let targets: [Target]
  /// By the first two bytes: 0, or which of `buckets`.
  private let table: [UInt16]
  private let buckets: [[Int]]
  private let slots: Int

  /// No more than so many bytes decide on what is found at a place.
  package static let reach = 8192

  /// - Parameters:
  ///   - values: known credentials; for a value of several lines, each of them. Those that are too
  ///     short to be told from other words are passed over.
  ///   - shapes: whether what has the shape of a credential is looked for too.
  ///   - purpose: what is done with what is found.
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

  /// Whether it looks for known values at all.
  package var hasValues: Bool { !values.isEmpty }

  /// Something that was found.
  struct Match {
    var range: Range<Int>
    var credential: Credential
    var rest: ByteSet?
  }

  /// Looks at these places; what is found there may go on after them.
  func scan(
    _ bytes: UnsafeBufferPointer<UInt8>, at places: Range<Int>, _ body: (Match) -> Void
  ) {
    var runs = RunEnds(slots: slots)
    table.withUnsafeBufferPointer { table in
      var place = places.lowerBound
      let last = min(places.upperBound, bytes.count - 1)
      while place < last {
        let bucket = table[Int(bytes[place]) << 8 | Int(bytes[place + 1])]
        if bucket != 0 {
          for index in buckets[Int(bucket)] {
            if let match = match(targets[index], at: place, in: bytes, &runs) { body(match) }
          }
        }
        place += 1
      }
    }
  }

  private func match(
    _ target: Target, at place: Int, in bytes: UnsafeBufferPointer<UInt8>, _ runs: inout RunEnds
  ) -> Match? {
    switch target {
    case .value(let form, let index):
      guard let end = form.end(at: place, in: bytes) else { return nil }
      return Match(
        range: place..<end, credential: Credential(identity: values[index].bytes, isKnown: true))
    case .shape(let shape, let slot):
      guard bytes[place...].starts(with: shape.mark),
        let found = shape.found(
          at: place, in: bytes, refusing: purpose == .refusing, &runs, slot: slot)
      else { return nil }
      return Match(
        range: found.range, credential: Credential(identity: found.identity, isKnown: false),
        rest: found.rest)
    }
  }

  /// A credential that goes on behind the end of a text, as far as these bytes do.
  package struct Rest: Sendable {
    fileprivate let set: ByteSet
  }

  /// Where credentials stand: in order, and none over or beside another.
  package func ranges(in bytes: [UInt8]) -> [Range<Int>] {
    var rest: Rest?
    return ranges(in: bytes, from: 0, &rest)
  }

  /// Whether any stands in a text.
  package func isFound(in text: some StringProtocol) -> Bool {
    !ranges(in: Array(text.utf8)).isEmpty
  }

  /// Where the first known value begins that more bytes could complete; the end if none does.
  /// What reaches back further than `reach` is not looked at, so what is kept back is bounded.
  func beginning(atEndOf bytes: [UInt8]) -> Int {
    let forms = targets.compactMap { target in
      if case .value(let form, _) = target { form } else { nil }
    }
    return bytes.withUnsafeBufferPointer { bytes in
      (max(0, bytes.count - Self.reach)..<bytes.count).first { place in
        forms.contains { $0.isBegun(at: place, in: bytes) }
      } ?? bytes.count
    }
  }

  /// Where credentials stand in a text that comes in pieces.
  /// - Parameters:
  ///   - start: where the new piece begins; what stands before was looked at.
  ///   - rest: of a credential that reached to `start`; then of one that reaches to the end.
  package func ranges(in bytes: [UInt8], from start: Int, _ rest: inout Rest?) -> [Range<Int>] {
    var merged: [Range<Int>] = []
    if let set = rest?.set {
      var end = start
      while end < bytes.count, set.contains(bytes[end]) { end += 1 }
      if end < bytes.count { rest = nil }
      merged = [start..<end]
    }
    var open = rest
    bytes.withUnsafeBufferPointer { bytes in
      scan(bytes, at: 0..<bytes.count) { match in
        let range = match.range
        if range.upperBound == bytes.count, let set = match.rest { open = Rest(set: set) }
        // Joined at once where that is easy: there may be one for each byte.
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

  /// The same places, in order, and none empty, over or beside another.
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
  /// The two bytes that it can begin with, as indexes. Each has as many; a line may end between
  /// them.
  fileprivate var heads: [Int] {
    switch self {
    case .value(let form, _):
      ([form.bytes[1]] + (form.isWrapped ? [10, 13] : [])).map { Int(form.bytes[0]) << 8 | Int($0) }
    case .shape(let shape, _): [Int(shape.mark[0]) << 8 | Int(shape.mark[1])]
    }
  }
}

extension KnownValue.Form {
  /// Where it ends if it stands at `place`.
  fileprivate func end(at place: Int, in text: UnsafeBufferPointer<UInt8>) -> Int? {
    let found = common(at: place, in: text)
    return found.count == bytes.count ? found.end : nil
  }

  /// Whether the text ends within it.
  fileprivate func isBegun(at place: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    let found = common(at: place, in: text)
    return found.count > 0 && found.count < bytes.count && found.end == text.count
  }

  /// How many of its bytes stand at `place`, and where they end.
  private func common(
    at place: Int, in text: UnsafeBufferPointer<UInt8>
  ) -> (count: Int, end: Int) {
    var place = place
    for (count, byte) in bytes.enumerated() {
      while isWrapped, count > 0, place < text.count, text[place] == 10 || text[place] == 13 {
        place += 1
      }
      guard place < text.count, text[place] == byte else { return (count, place) }
      place += 1
    }
    return (bytes.count, place)
  }
}

/// What tells a credential from others, wherever and in whatever form it stands.
package struct Credential: Hashable, Sendable {
  /// Its own bytes, or as many of them as tell it apart. Never to be shown.
  package let identity: [UInt8]
  /// Whether it is one of the values that were given, rather than of a shape.
  package let isKnown: Bool
}

/// What was found in texts that come one after the other, by their number.
package struct SecretFindings: Sendable {
  private let search: SecretSearch
  private var scan: SecretScan
  /// Texts that hold nothing are not in it.
  package private(set) var byIndex: [Int: Set<Credential>] = [:]

  package init(_ search: SecretSearch) {
    self.search = search
    scan = SecretScan(search)
  }

  /// Takes the next piece of the present text.
  package mutating func append(_ piece: some Sequence<UInt8>) { scan.append(piece) }

  /// The present text, which has this number, ends here.
  package mutating func finish(_ index: Int) {
    scan.finish()
    if scan.found.isEmpty { return }
    byIndex[index] = scan.found
    scan = SecretScan(search)
  }
}

/// A search through bytes that come in pieces, in bounded memory.
package struct SecretScan: Sendable {
  private let search: SecretSearch
  private var pending: [UInt8] = []
  /// How many bytes at its beginning were looked at: one is kept, for whether a word begins after
  /// it.
  private var seen = 0

  /// What was found, each once.
  package private(set) var found: Set<Credential> = []
  /// More are not told apart; a change with so many is nothing that happens by accident.
  package static let foundMax = 1000

  private static let pieceMin = 1 << 16

  package init(_ search: SecretSearch) { self.search = search }

  /// Takes the next piece.
  package mutating func append(_ piece: some Sequence<UInt8>) {
    pending.append(contentsOf: piece)
    if pending.count >= Self.pieceMin + SecretSearch.reach {
      look(below: pending.count - SecretSearch.reach)
    }
  }

  /// There is no more of this text; what is appended next is another one.
  package mutating func finish() {
    look(below: pending.count)
    pending.removeAll(keepingCapacity: true)
    seen = 0
  }

  private mutating func look(below end: Int) {
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

  /// What a text holds.
  package static func found(in bytes: [UInt8], by search: SecretSearch) -> Set<Credential> {
    var scan = SecretScan(search)
    scan.append(bytes)
    scan.finish()
    return scan.found
  }
}
