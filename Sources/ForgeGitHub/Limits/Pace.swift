import Domain

/// How fast a credential sends calls, so that GitHub has no reason to limit it.
package struct ForgePace: Equatable, Sendable {
  /// An amount within a time span.
  package struct Allowance: Equatable, Sendable {
    package var amount: Int
    package var span: Milliseconds
    package init(_ amount: Int, in span: Milliseconds) {
      self.amount = amount
      self.span = span
    }
  }

  /// Calls at the same time.
  package var callsAtOnce: Int
  /// For calls that make something (POST, PUT, PATCH).
  package var creations: [Allowance]
  /// For points: a read is one point, a write is five.
  package var points: [Allowance]

  package init(callsAtOnce: Int, creations: [Allowance] = [], points: [Allowance] = []) {
    self.callsAtOnce = callsAtOnce
    self.creations = creations
    self.points = points
  }

  /// The pace that github.com requires
  /// (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api).
  package static let github = ForgePace(
    callsAtOnce: 90,
    creations: [Allowance(80, in: .seconds(60)), Allowance(500, in: .seconds(3600))],
    points: [Allowance(900, in: .seconds(60))])

  /// For a forge without limits.
  package static let unpaced = ForgePace(callsAtOnce: 100)
}

/// The cost of a call.
enum CallCost: Equatable, Sendable {
  case read
  case write

  var points: Int {
    switch self {
    case .read: 1
    case .write: 5
    }
  }
}

/// The use of one allowance: a sliding window. Promised turns are spent in advance, so entries may
/// lie in the future.
struct SlidingWindow: Sendable {
  let allowance: ForgePace.Allowance
  /// In order of time.
  private(set) var spent: [(at: Timestamp, amount: Int)] = []

  init(_ allowance: ForgePace.Allowance) { self.allowance = allowance }

  /// The first time from `moment` on at which `amount` more fits.
  func turn(for amount: Int, from moment: Timestamp) -> Timestamp {
    var sum = spent.reduce(0) { $0 + ($1.at > moment - allowance.span ? $1.amount : 0) }
    guard sum + amount > allowance.amount else { return moment }
    for entry in spent where entry.at > moment - allowance.span {
      sum -= entry.amount
      if sum + amount <= allowance.amount { return max(moment, entry.at + allowance.span) }
    }
    return moment
  }

  mutating func spend(_ amount: Int, at moment: Timestamp, now: Timestamp) {
    spent.removeAll { $0.at <= now - allowance.span }
    let place = spent.firstIndex { $0.at > moment } ?? spent.endIndex
    spent.insert((moment, amount), at: place)
  }

  /// A promised turn is taken, perhaps late. It counts from now on.
  mutating func move(_ amount: Int, from promised: Timestamp, to now: Timestamp) {
    guard let index = spent.firstIndex(where: { $0.at == promised && $0.amount == amount })
    else { return }
    spent.remove(at: index)
    spend(amount, at: now, now: now)
  }

  /// Returns a promised turn that was not taken.
  mutating func giveBack(_ amount: Int, at promised: Timestamp) {
    guard let index = spent.firstIndex(where: { $0.at == promised && $0.amount == amount })
    else { return }
    spent.remove(at: index)
  }
}

/// All allowances of a credential, and the turns that were promised to calls that came early.
struct PaceKeeper: Sendable {
  private var creations: [SlidingWindow]
  private var points: [SlidingWindow]
  /// Promised turns that were not taken yet, in order.
  private var promised: [(at: Timestamp, cost: CallCost)] = []
  /// A promise that was not taken by then is void: the caller was stopped.
  private static let promiseLasts = Milliseconds.seconds(120)

  init(_ pace: ForgePace) {
    creations = pace.creations.map { SlidingWindow($0) }
    points = pace.points.map { SlidingWindow($0) }
  }

  /// Takes a turn now, or promises the next one.
  /// - Returns: the promised time; nil if the turn is now.
  mutating func take(_ cost: CallCost, at now: Timestamp) -> Timestamp? {
    forget(before: now - Self.promiseLasts)
    if let index = promised.firstIndex(where: { $0.cost == cost && $0.at <= now }) {
      let turn = promised.remove(at: index)
      change(cost) { $0.move($1, from: turn.at, to: now) }
      return nil
    }
    var turn = now
    var before: Timestamp
    repeat {
      before = turn
      change(cost) { turn = max(turn, $0.turn(for: $1, from: turn)) }
    } while turn > before
    change(cost) { $0.spend($1, at: turn, now: now) }
    if turn <= now { return nil }
    promised.append((turn, cost))
    return turn
  }

  private mutating func forget(before moment: Timestamp) {
    for lost in promised where lost.at < moment {
      change(lost.cost) { $0.giveBack($1, at: lost.at) }
    }
    promised.removeAll { $0.at < moment }
  }

  private mutating func change(_ cost: CallCost, _ body: (inout SlidingWindow, Int) -> Void) {
    if cost == .write {
      for index in creations.indices { body(&creations[index], 1) }
    }
    for index in points.indices { body(&points[index], cost.points) }
  }
}
