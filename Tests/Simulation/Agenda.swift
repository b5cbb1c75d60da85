/// What happens next: moments in their order, those of one moment in the order in which they were
/// asked for.
struct Agenda {
  private struct Entry {
    var at: Int64
    var number: Int64
    var run: (World) -> Void

    func precedes(_ other: Entry) -> Bool {
      at != other.at ? at < other.at : number < other.number
    }
  }

  private var heap: [Entry] = []
  private var last: Int64 = 0

  mutating func add(at moment: Int64, _ run: @escaping (World) -> Void) {
    last += 1
    heap.append(Entry(at: moment, number: last, run: run))
    var child = heap.count - 1
    while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes the first entry; nil where there is none.
  mutating func take() -> (at: Int64, run: (World) -> Void)? {
    guard let first = heap.first, let moved = heap.popLast() else { return nil }
    if !heap.isEmpty {
      heap[0] = moved
      sink()
    }
    return (first.at, first.run)
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[child].precedes(heap[least]) { least = child }
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
