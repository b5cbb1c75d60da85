/// A priority queue with one entry for each key. The rank of an entry can be changed, and the entry
/// removed, at any time.
///
/// `first` takes constant time, `set` and `remove` logarithmic time. The order of two keys with the
/// same rank is undefined, unless the rank contains the key.
package struct KeyedHeap<Key: Hashable & Sendable, Rank: Comparable & Sendable>: Sendable {
  private struct Node {
    var key: Key
    var rank: Rank
  }

  private var nodes: [Node] = []
  /// The index of each key in `nodes`.
  private var indices: [Key: Int] = [:]

  package init() {}

  package var isEmpty: Bool { nodes.isEmpty }
  package var count: Int { nodes.count }

  /// The key with the lowest rank.
  package var first: (key: Key, rank: Rank)? { nodes.first.map { ($0.key, $0.rank) } }

  /// nil if the key is not in the queue.
  package func rank(of key: Key) -> Rank? { indices[key].map { nodes[$0].rank } }

  /// Inserts the key, or moves it to its new rank.
  package mutating func set(_ key: Key, to rank: Rank) {
    let node = Node(key: key, rank: rank)
    if let index = indices[key] {
      settle(node, at: index)
    } else {
      nodes.append(node)
      settle(node, at: nodes.count - 1)
    }
  }

  /// Removes the key; does nothing if it is not in the queue.
  package mutating func remove(_ key: Key) {
    guard let index = indices.removeValue(forKey: key) else { return }
    let last = nodes.removeLast()
    if index < nodes.count { settle(last, at: index) }
  }

  /// Removes every key whose rank is at most `limit`.
  /// - Returns: those keys, lowest rank first.
  package mutating func take(through limit: Rank) -> [Key] {
    var taken: [Key] = []
    while let first = nodes.first, first.rank <= limit {
      taken.append(first.key)
      remove(first.key)
    }
    return taken
  }

  /// Writes `node` at `start`, whose content is overwritten, or at the index above or below it that
  /// its rank requires.
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
