// How far the server's copy of an attempt's output has come.

/// How much of the output the server has.
struct OutputProgress: Equatable, Sendable {
  /// In the file.
  var written = 0
  /// At the server, as it said last.
  var acknowledged = 0
  var notBefore: Duration = .zero
  /// Answers in a row that brought nothing forward.
  var fruitless = 0

  /// The server takes no more of it; the attempt goes on without.
  var isGivenUp: Bool { fruitless >= 5 }
  var isPending: Bool { acknowledged < written && !isGivenUp }

  /// The server's copy ends at `end` after a call that carried what comes after `offset`.
  mutating func take(end: Int, after offset: Int) {
    fruitless = end > offset ? 0 : fruitless + 1
    acknowledged = max(0, min(end, written))
  }
}
