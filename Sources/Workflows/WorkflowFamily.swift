// Workflows that extend others.
//
// `extends: NAME` in a definition means that it contains only the differences from another one:
// mappings are merged key by key, at any depth; lists, texts and numbers are replaced. The result
// is a complete definition, and only the result is stored: it is written as canonical YAML and
// parsed again. So the digest covers the whole definition, a log replays without the original
// files, and a change of the parent makes a new definition of each child.
//
// A name refers to the catalog's workflow of that name. Within the workflow of the same name, it
// refers to the built-in one, so that a folder can change the built-in one under its name.
//
// Failures: a missing parent, a cycle, and a chain that is too long are faults at the `extends`
// line. A fault in a child's own text is reported there; a fault that only the combination has is
// reported at the `extends` line.

import Domain
import Yams

/// Definitions that can extend each other.
struct WorkflowFamily {
  /// The maximum length of a chain of parents.
  static let depthMax = 8
  /// The maximum number of nodes to merge: anchors make a small file large.
  static let nodesMax = 100_000

  /// The source of a definition; a later one overrides an earlier one of the same name.
  enum Origin: Int { case builtIn, folder, named }

  /// A definition in its file.
  struct Member {
    let file: String
    let source: String
    let origin: Origin
    fileprivate var reader: DefinitionReader
    /// The document without `extends`; nil if it is not YAML, or not a mapping.
    fileprivate var root: Node?
    fileprivate var parent: (name: String, node: Node)?
    /// Whether the value of `extends` is invalid.
    fileprivate var hasBadParent = false
    /// Its own name, else the parent's.
    fileprivate var name: String?

    init(file: String, source: String, origin: Origin) {
      self.file = file
      self.source = source
      self.origin = origin
      reader = DefinitionReader(source: source, file: file)
      guard reader.isWithinLimit(source) else { return }
      root = reader.compose(source)
      guard let mapping = root?.mapping else { return }
      var own: [(Node, Node)] = []
      for (key, value) in mapping {
        switch key.scalar?.string {
        case "extends":
          parent = reader.text(.init(node: value, name: "extends")).map { ($0, value) }
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

  /// The complete workflow of a member.
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
        try Workflow(member.root, member.reader, source: member.source)
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
        parent.node.position, "extends \"\(parent.name)\": together they are too large",
        "remove anchors that repeat large parts")
      return .failure(WorkflowFaults(reader.faults))
    }
    let inherited = ancestors.dropFirst().reduce(ancestors.first) { $0?.merged(with: $1) }
    let whole = inherited?.marked(mark).merged(with: own) ?? own
    var isParentValid = false
    if case .success = workflow(of: chain[1]) { isParentValid = true }
    return read(whole, reader, extends: parent, isParentValid: isParentValid)
  }

  /// Validates the merged definition, writes it as text, and parses that, which is what the log
  /// has.
  private func read(
    _ whole: Node, _ reader: DefinitionReader, extends parent: (name: String, node: Node),
    isParentValid: Bool
  ) -> Result<Workflow, WorkflowFaults> {
    let position = parent.node.position ?? DefinitionReader.documentStart
    func fault(_ message: String, _ instead: String) -> WorkflowFault {
      WorkflowFault(
        file: reader.file, line: position.line, column: position.column, message: message,
        instead: instead)
    }
    return result { () throws(WorkflowFaults) in
      var faults: [WorkflowFault] = []
      do throws(WorkflowFaults) {
        _ = try Workflow(whole, reader, source: "")
      } catch { faults = error.faults }
      if !isParentValid {
        // Faults of the parent are reported for the parent.
        faults.removeAll { ($0.line, $0.column) == (position.line, position.column) }
        faults.append(
          fault("extends \"\(parent.name)\", which has faults", "correct those first"))
      }
      guard faults.isEmpty else { throw WorkflowFaults(faults) }
      let limit = Workflow.sourceBytesMax
      guard let text = WorkflowText.of(whole, bytesMax: limit) else {
        throw WorkflowFaults([
          fault(
            "the merged workflow is larger than \(limit >> 10) KiB",
            "shorten its templates")
        ])
      }
      return try Workflow(source: text, file: reader.file)
    }
  }

  // MARK: Parents

  /// A member and its ancestors.
  /// - Returns: nil if the chain is invalid; a fault is noted if this member must be changed.
  private func chain(from index: Int, _ reader: inout DefinitionReader) -> [Int]? {
    var chain = [index]
    while let parent = members[chain[chain.count - 1]].parent {
      let child = chain[chain.count - 1]
      guard let next = self.parent(of: child) else {
        if child == index {
          reader.note(
            parent.node.position, "extends names the unknown workflow \"\(parent.name)\"",
            Spelling.hint(for: parent.name, in: names(besides: index)))
        }
        return nil
      }
      let position = members[index].parent?.node.position
      if chain.contains(next) {
        if next == index {
          let names = (chain + [index]).map { members[$0].name ?? "" }
          reader.note(
            position, "extends is circular: \(names.joined(separator: " → "))",
            "let one of them extend nothing, or a workflow outside the circle")
        }
        return nil
      }
      chain.append(next)
      guard chain.count <= Self.depthMax + 1 else {
        reader.note(
          position, "extends goes through more than \(Self.depthMax) workflows",
          "extend one nearer to the beginning of the chain")
        return nil
      }
    }
    return chain
  }

  private func parent(of index: Int) -> Int? {
    guard let name = members[index].parent?.name else { return nil }
    // A workflow that extends its own name extends the one that it replaces.
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
  /// The same mapping with other pairs.
  fileprivate func with(_ pairs: [(Node, Node)]) -> Node.Mapping {
    Node.Mapping(pairs, tag, style, mark)
  }
}

extension Node {
  /// The number of nodes, with aliases expanded; nil if there are more than `limit`.
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

  /// The node with the values of `other` merged over it.
  fileprivate func merged(with other: Node) -> Node {
    guard case .mapping(let mine) = self, case .mapping(let theirs) = other else { return other }
    var pairs: [(Node, Node)] = mine.map { ($0.key, $0.value) }
    var positions: [String: Int] = [:]
    for (position, pair) in pairs.enumerated() {
      if let key = pair.0.scalar?.string { positions[key] = position }
    }
    for (key, value) in theirs {
      if let name = key.scalar?.string, let position = positions[name] {
        pairs[position] = (key, pairs[position].1.merged(with: value))
      } else {
        pairs.append((key, value))
      }
    }
    return .mapping(theirs.with(pairs))
  }

  /// The same node, with one position for all of it.
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
