// Workflows that build on others.
//
// `extends: NAME` in a definition says that it holds only what differs from another one: mappings
// are merged key by key, at any depth; lists, texts and numbers replace what they stand for. The
// result is a whole definition, and only the result is kept: it is written down as YAML, the same
// bytes for the same definitions, and read again from there. So the digest names all that holds, a
// log replays without the files that a workflow was made of, and a change of the parent makes a new
// definition of each child.
//
// A name means the workflow that the catalog would answer with; within the workflow of that very
// name it means the one that is built in, so that a folder can change that in place.
//
// How it fails: a parent that is missing, a circle, and a chain that is too long are faults at the
// `extends` line. A fault of what a child says stands where the child says it; one that only the
// combination has stands at the `extends` line too.

import Domain
import Yams

/// Definitions that may extend each other.
struct WorkflowFamily {
  /// A chain of parents that is longer is a mistake.
  static let depthMax = 8
  /// Anchors make a small file large: beyond so many nodes nothing is merged.
  static let nodesMax = 100_000

  /// Where a definition comes from; a later one goes before an earlier one of the same name.
  enum Origin: Int { case builtIn, folder, named }

  /// A definition as its file has it.
  struct Member {
    let file: String
    let source: String
    let origin: Origin
    fileprivate var reader: DefinitionReader
    /// The document without `extends`; nil where it is no YAML, or no mapping.
    fileprivate var root: Node?
    fileprivate var parent: (name: String, node: Node)?
    /// Whether what `extends` says is no name.
    fileprivate var hasBadParent = false
    /// What it calls itself, else what it extends.
    fileprivate var name: String?

    init(file: String, source: String, origin: Origin) {
      self.file = file
      self.source = source
      self.origin = origin
      reader = DefinitionReader(source: source, file: file)
      guard reader.isFitting(source) else { return }
      root = reader.compose(source)
      guard let mapping = root?.mapping else { return }
      var own: [(Node, Node)] = []
      for (key, value) in mapping {
        switch key.scalar?.string {
        case "extends":
          parent = reader.text(value, "extends").map { ($0, value) }
          hasBadParent = parent == nil
        case "name":
          name = value.scalar?.string
          own.append((key, value))
        case _: own.append((key, value))
        }
      }
      name = name ?? parent?.name
      if own.count < mapping.count { root = .mapping(mapping.with(own)) }
    }
  }

  private(set) var members: [Member] = []
  private var outcomes: [Int: Result<Workflow, WorkflowFaults>] = [:]

  mutating func add(_ member: Member) { members.append(member) }

  /// The workflow that a member stands for, whole.
  mutating func workflow(of index: Int) -> Result<Workflow, WorkflowFaults> {
    if let known = outcomes[index] { return known }
    let outcome = make(index)
    outcomes[index] = outcome
    return outcome
  }

  private mutating func make(_ index: Int) -> Result<Workflow, WorkflowFaults> {
    let member = members[index]
    guard !member.hasBadParent else { return .failure(WorkflowFaults(member.reader.faults)) }
    guard let parent = member.parent else {
      return result { () throws(WorkflowFaults) in
        let definition = try WorkflowDefinition.read(member.root, member.reader)
        return Workflow(definition, source: member.source)
      }
    }
    var reader = member.reader
    guard let chain = chain(from: index, &reader) else {
      return .failure(WorkflowFaults(reader.faults))
    }
    guard let own = member.root, let mark = parent.node.mark else {
      return .failure(WorkflowFaults(reader.faults))
    }
    let ancestors = chain.dropFirst().reversed().compactMap { members[$0].root }
    let isTooMuch = ([own] + ancestors).contains { $0.weight(atMost: Self.nodesMax) == nil }
    guard !isTooMuch else {
      reader.note(
        parent.node.place, "extends \"\(parent.name)\": together they hold too much",
        "leave anchors out that repeat large parts")
      return .failure(WorkflowFaults(reader.faults))
    }
    let inherited = ancestors.dropFirst().reduce(ancestors.first) { $0?.merged(with: $1) }
    let whole = inherited?.marked(mark).merged(with: own) ?? own
    var isParentSound = false
    if case .success = workflow(of: chain[1]) { isParentSound = true }
    return read(whole, reader, extends: parent, isParentSound: isParentSound)
  }

  /// Reads what came out, writes it down, and reads that: what the log holds is what holds.
  private func read(
    _ whole: Node, _ reader: DefinitionReader, extends parent: (name: String, node: Node),
    isParentSound: Bool
  ) -> Result<Workflow, WorkflowFaults> {
    let place = parent.node.place ?? DefinitionReader.documentStart
    func fault(_ message: String, _ instead: String) -> WorkflowFault {
      WorkflowFault(
        file: reader.file, line: place.line, column: place.column, message: message,
        instead: instead)
    }
    return result { () throws(WorkflowFaults) in
      var faults: [WorkflowFault] = []
      do throws(WorkflowFaults) {
        _ = try WorkflowDefinition.read(whole, reader)
      } catch { faults = error.faults }
      if !isParentSound {
        // What is wrong with a parent is told of the parent.
        faults.removeAll { ($0.line, $0.column) == (place.line, place.column) }
        faults.append(
          fault("extends \"\(parent.name)\", which has faults of its own", "correct those first"))
      }
      guard faults.isEmpty else { throw WorkflowFaults(faults) }
      let limit = WorkflowDefinition.sourceBytesMax
      guard let text = WorkflowText.of(whole, bytesMax: limit) else {
        throw WorkflowFaults([
          fault(
            "with what it extends the workflow is larger than \(limit >> 10) KiB",
            "shorten its templates")
        ])
      }
      return try Workflow(source: text, file: reader.file)
    }
  }

  // MARK: Parents

  /// A member and what it extends, one after the other.
  /// - Returns: nil where that is no chain with an end; a fault is noted where this member is the
  ///   one to change.
  private func chain(from index: Int, _ reader: inout DefinitionReader) -> [Int]? {
    var chain = [index]
    while let parent = members[chain[chain.count - 1]].parent {
      let child = chain[chain.count - 1]
      guard let next = self.parent(of: child) else {
        if child == index {
          reader.note(
            parent.node.place, "extends names the unknown workflow \"\(parent.name)\"",
            Spelling.hint(for: parent.name, in: names(besides: index)))
        }
        return nil
      }
      let place = members[index].parent?.node.place
      if chain.contains(next) {
        if next == index {
          let names = (chain + [index]).map { members[$0].name ?? "" }
          reader.note(
            place, "extends goes round in a circle: \(names.joined(separator: " → "))",
            "let one of them extend nothing, or a workflow outside of the circle")
        }
        return nil
      }
      chain.append(next)
      guard chain.count <= Self.depthMax + 1 else {
        reader.note(
          place, "extends goes through more than \(Self.depthMax) workflows",
          "extend one that stands nearer to the beginning of the chain")
        return nil
      }
    }
    return chain
  }

  private func parent(of index: Int) -> Int? {
    guard let name = members[index].parent?.name else { return nil }
    // The workflow of its own name is the one that it takes the place of.
    let isOwnName = members[index].name == name
    let rank = members[index].origin.rawValue
    return members.indices.filter { other in
      other != index && members[other].name == name
        && (!isOwnName || members[other].origin.rawValue < rank)
    }.max { members[$0].origin.rawValue < members[$1].origin.rawValue }
      ?? (isOwnName && members[index].origin == .builtIn ? index : nil)
  }

  private func names(besides index: Int) -> [String] {
    Set(members.indices.filter { $0 != index }.compactMap { members[$0].name }).sorted()
  }

  private func result(
    _ body: () throws(WorkflowFaults) -> Workflow
  ) -> Result<Workflow, WorkflowFaults> {
    do throws(WorkflowFaults) { return .success(try body()) } catch { return .failure(error) }
  }
}

extension Node.Mapping {
  /// The same place and style with other pairs.
  fileprivate func with(_ pairs: [(Node, Node)]) -> Node.Mapping {
    Node.Mapping(pairs, tag, style, mark)
  }
}

extension Node {
  /// How many nodes there are in it, aliases written out; nil where there are more than `limit`.
  fileprivate func weight(atMost limit: Int) -> Int? {
    var count = 1
    func add(_ nodes: [Node]) -> Bool {
      for node in nodes {
        guard count <= limit, let weight = node.weight(atMost: limit - count) else { return false }
        count += weight
      }
      return count <= limit
    }
    switch self {
    case .scalar, .alias: return count <= limit ? count : nil
    case .sequence(let items): return add(Array(items)) ? count : nil
    case .mapping(let pairs): return add(pairs.flatMap { [$0.key, $0.value] }) ? count : nil
    }
  }

  /// What holds where `other` is said on top.
  fileprivate func merged(with other: Node) -> Node {
    guard case .mapping(let mine) = self, case .mapping(let theirs) = other else { return other }
    var pairs: [(Node, Node)] = mine.map { ($0.key, $0.value) }
    var places: [String: Int] = [:]
    for (place, pair) in pairs.enumerated() {
      if let key = pair.0.scalar?.string { places[key] = place }
    }
    for (key, value) in theirs {
      if let name = key.scalar?.string, let place = places[name] {
        pairs[place] = (key, pairs[place].1.merged(with: value))
      } else {
        pairs.append((key, value))
      }
    }
    return .mapping(theirs.with(pairs))
  }

  /// The same, as if all of it stood at one place.
  fileprivate func marked(_ mark: Mark) -> Node {
    switch self {
    case .scalar(let s): .scalar(Scalar(s.string, s.tag, s.style, mark))
    case .sequence(let s):
      .sequence(Sequence(s.map { $0.marked(mark) }, s.tag, s.style, mark))
    case .mapping(let m):
      .mapping(
        Mapping(m.map { ($0.key.marked(mark), $0.value.marked(mark)) }, m.tag, m.style, mark))
    case .alias: self
    }
  }
}
