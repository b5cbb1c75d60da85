/// A priority queue whose entries have names: each key stands in it once, with a rank that may be
/// set anew or taken away at any time.
///
/// `first` costs nothing, `set` and `remove` the logarithm of the count. Which of two keys with the
/// same rank comes first is not defined; a rank that must not leave that open holds the key.
package struct KeyedHeap<Key: Hashable & Sendable, Rank: Comparable & Sendable>: Sendable {
  private struct Node {
    var key: Key
    var rank: Rank
  }

  private var nodes: [Node] = []
  /// Where in `nodes` each key is.
  private var indices: [Key: Int] = [:]

  package init() {}

  package var isEmpty: Bool { nodes.isEmpty }
  package var count: Int { nodes.count }

  /// The key of the least rank.
  package var first: (key: Key, rank: Rank)? { nodes.first.map { ($0.key, $0.rank) } }

  /// nil where the key is not in the queue.
  package func rank(of key: Key) -> Rank? { indices[key].map { nodes[$0].rank } }

  /// Puts the key in, or moves it to where its new rank belongs.
  package mutating func set(_ key: Key, to rank: Rank) {
    let node = Node(key: key, rank: rank)
    if let index = indices[key] {
      settle(node, at: index)
    } else {
      nodes.append(node)
      settle(node, at: nodes.count - 1)
    }
  }

  /// Takes the key out; nothing happens where it is not in the queue.
  package mutating func remove(_ key: Key) {
    guard let index = indices.removeValue(forKey: key) else { return }
    let last = nodes.removeLast()
    if index < nodes.count { settle(last, at: index) }
  }

  /// Takes out every key whose rank is at most `limit`.
  /// - Returns: those keys, lowest rank first.
  package mutating func take(through limit: Rank) -> [Key] {
    var taken: [Key] = []
    while let first = nodes.first, first.rank <= limit {
      taken.append(first.key)
      remove(first.key)
    }
    return taken
  }

  /// Writes `node` at `start`, whose present content may be overwritten, or at the index above or
  /// below it where the order is right.
  private mutating func settle(_ node: Node, at start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      guard node.rank < nodes[parent].rank else { break }
      put(nodes[parent], at: index)
      index = parent
    }
    while index >= start, let child = lesserChild(of: index), nodes[child].rank < node.rank {
      put(nodes[child], at: index)
      index = child
    }
    put(node, at: index)
  }

  private func lesserChild(of index: Int) -> Int? {
    let left = 2 * index + 1
    guard left < nodes.count else { return nil }
    let right = left + 1
    return right < nodes.count && nodes[right].rank < nodes[left].rank ? right : left
  }

  private mutating func put(_ node: Node, at index: Int) {
    nodes[index] = node
    indices[node.key] = index
  }
}
