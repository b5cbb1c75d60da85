import Engine
import LogStories
import Randomness
import Testing

@Suite struct KeyedHeapTests {
  /// Against a dictionary that is searched.
  @Test(arguments: 1...40) func itIsADictionaryWithALeast(seed: Int) {
    var random = Seeded(seed)
    var heap = KeyedHeap<Int, Int>()
    var model: [Int: Int] = [:]
    for _ in 0..<400 {
      let key = Int(random.next() % 30)
      if random.next() % 3 == 0 {
        heap.remove(key)
        model[key] = nil
      } else {
        let rank = Int(random.next() % 20)
        heap.set(key, to: rank)
        model[key] = rank
      }
      #expect(heap.count == model.count && heap.isEmpty == model.isEmpty)
      #expect(heap.first?.rank == model.values.min())
      #expect(heap.first.map { model[$0.key] == $0.rank } ?? true)
      #expect(heap.rank(of: key) == model[key])
    }
  }

  @Test(arguments: 1...20) func whatIsDueIsTakenInItsOrder(seed: Int) {
    var random = Seeded(seed)
    var heap = KeyedHeap<Int, Int>()
    var model: [Int: Int] = [:]
    for key in 0..<50 {
      model[key] = Int(random.next() % 100)
      heap.set(key, to: model[key] ?? 0)
    }
    let due = heap.take(through: 40)
    #expect(Set(due) == Set(model.filter { $0.value <= 40 }.keys))
    #expect(due.map { model[$0] ?? 0 } == due.map { model[$0] ?? 0 }.sorted())
    #expect(heap.count == model.count - due.count && (heap.first?.rank ?? 41) > 40)
  }
}
