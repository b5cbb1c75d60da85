/// Finds the known word that a mistyped word most likely means.
package enum Spelling {
  /// - Returns: the nearest word of `known` by edits; nil if no word is near enough.
  package static func nearest(to word: String, in known: [String]) -> String? {
    let limit = max(1, word.count / 3)
    let scored = known.map { (word: $0, distance: distance(word.lowercased(), $0.lowercased())) }
    return scored.filter { $0.distance <= limit }.min { $0.distance < $1.distance }?.word
  }

  /// A hint: `did you mean "x"?`, or the list of known words.
  package static func hint(for word: String, in known: [String]) -> String {
    if let near = nearest(to: word, in: known) { return "did you mean \"\(near)\"?" }
    if known.isEmpty { return "leave it out" }
    return "known are: \(known.sorted().joined(separator: ", "))"
  }

  /// Levenshtein's distance, two neighbours swapped counting as one edit.
  private static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a)
    let b = Array(b)
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var best = min(row[j] + 1, last[j + 1] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, beforeLast[j - 1] + 1)
        }
        row.append(best)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}
