import Domain
import EventLog
import Projections
import Terminal
import Text

/// Selects delegations: `key:value` terms and words, all of which must hold; a dash before a term
/// negates it. The server looks for what it can; the rest is compared here.
struct DelegationSelection {
  /// The keys, in the order of the help.
  enum Key: String, CaseIterable {
    case state, need, repo, requester, worker, agent, failure, since, until
  }

  /// The help of `--query`.
  static let help = """
    A query has terms and words of the title. All must hold; a dash negates a term.
      state:           queued working ready merged closed failed cancelled
      need:            you working queued done; of the newest round
      repo: requester: worker: agent: failure:
      since: until:    a span such as 24h, a day (the whole of it), or a time
    """

  private struct Term {
    var isNegated: Bool
    var matches: (JSONValue) -> Bool
  }

  /// Words that the title, the branch, the repository or the code must contain.
  private(set) var words: [String] = []
  private var terms: [Term] = []
  /// What the server looks for.
  private var states: Set<DelegationStateName>?
  private var values: [Key: String] = [:]
  /// Selects tasks, each by its newest delegation.
  private var needs: Set<TaskNeed>?
  /// No older delegation is wanted.
  private(set) var since: Timestamp?

  init() {}

  /// - Throws: `Failure` if a term is invalid.
  init(_ text: String) throws {
    for word in try Self.words(of: text) { try add(word) }
  }

  /// Splits at spaces; quotes hold words together.
  private static func words(of text: String) throws -> [String] {
    var words: [String] = []
    var word = ""
    var isQuoted = false
    for character in text {
      if character == "\"" {
        isQuoted.toggle()
      } else if character.isWhitespace, !isQuoted {
        words.append(word)
        word = ""
      } else {
        word.append(character)
      }
    }
    if isQuoted { throw Failure("the query has a quote that is not closed", code: .usage) }
    return (words + [word]).filter { !$0.isEmpty }
  }

  private mutating func add(_ word: String) throws {
    let isNegated = word.hasPrefix("-") && word.count > 1
    let term = isNegated ? String(word.dropFirst()) : word
    let parts = term.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].allSatisfy({ $0.isASCII && $0.isLetter }), !parts[1].isEmpty
    else {
      if isNegated {
        throw Failure("\(word.safe()): a dash negates a term such as -state:failed", code: .usage)
      }
      words.append(term)
      return
    }
    let names = Key.allCases.map(\.rawValue)
    guard let key = Key(rawValue: parts[0].lowercased()) else {
      let hint = Spelling.hint(for: String(parts[0]), in: names)
      throw Failure(
        "\(String(parts[0]).safe()): is not a key of a query; \(hint)", code: .usage)
    }
    try add(key, String(parts[1]), isNegated: isNegated)
  }

  /// Adds words that are looked for as they are.
  mutating func add(words more: [String]) { words += more }

  /// Adds a term. A value may be a list with commas.
  /// - Throws: `Failure` if the value is invalid.
  mutating func add(_ key: Key, _ value: String, isNegated: Bool = false) throws {
    let list = value.split(separator: ",").map { String($0) }
    switch key {
    case .state: try addState(list, isNegated)
    case .need: try addNeed(list, isNegated)
    case .since, .until:
      guard !isNegated else { throw Failure("-\(key.rawValue): write the other one", code: .usage) }
      let read = key == .since ? LocalTime.since : LocalTime.until
      let time = try read(value, "\(key.rawValue):")
      if key == .since { since = max(time, since ?? time) }
      add(false) { item in
        guard let at = item["requestedAt"].time else { return false }
        return key == .since ? at >= time : at <= time
      }
    case .repo, .requester, .worker:
      if !isNegated, list.count == 1, values[key] == nil {
        values[key] = value
      } else {
        add(isNegated) { list.contains(Self.text(of: key, in: $0)) }
      }
    case .agent, .failure: add(isNegated) { list.contains(Self.text(of: key, in: $0)) }
    }
  }

  private mutating func add(_ isNegated: Bool, _ matches: @escaping (JSONValue) -> Bool) {
    terms.append(Term(isNegated: isNegated, matches: matches))
  }

  private static func text(of key: Key, in item: JSONValue) -> String {
    switch key {
    case .repo:
      ["owner", "repo"].map { item["repository"][$0].stringValue ?? "" }.joined(separator: "/")
    case .failure: item["failure"]["code"].stringValue ?? ""
    case .requester, .worker, .agent, .state, .need, .since, .until:
      item[key.rawValue].stringValue ?? ""
    }
  }

  /// Words of people, or states of the log. A name that is both is the word, which does not include
  /// what was cancelled; with a capital, as the log has it, it is the state.
  private mutating func addState(_ list: [String], _ isNegated: Bool) throws {
    var named: Set<DelegationStateName> = []
    var words: Set<TaskPhase> = []
    for name in list {
      let state = DelegationStateName.allCases.first {
        $0.rawValue.lowercased() == name.lowercased()
      }
      if let state, state.rawValue == name {
        named.insert(state)
      } else if let word = TaskPhase(query: name) {
        words.insert(word)
      } else if let state {
        named.insert(state)
      } else {
        let known =
          TaskPhase.allCases.map(\.rawValue)
          + DelegationStateName.allCases.filter { $0 != .failed }.map(\.rawValue)
        throw Failure(
          "there is no state \(name.safe()); \(Spelling.hint(for: name, in: known))", code: .usage)
      }
    }
    if !isNegated {
      let possible = named.union(words.flatMap(\.states))
      states = states?.intersection(possible) ?? possible
      if words.isEmpty { return }
    }
    add(isNegated) { item in
      if named.contains(where: { $0.rawValue == item["state"].stringValue }) { return true }
      return TaskPhase(item).map { words.contains($0) } ?? false
    }
  }

  private mutating func addNeed(_ list: [String], _ isNegated: Bool) throws {
    let named = try list.map { name in
      if let need = TaskNeed(rawValue: name.lowercased()) { return need }
      let known = TaskNeed.allCases.map(\.rawValue)
      throw Failure(
        "there is no need \(name.safe()); \(Spelling.hint(for: name, in: known))", code: .usage)
    }
    let possible = Set(TaskNeed.allCases.filter { named.contains($0) != isNegated })
    needs = needs?.intersection(possible) ?? possible
  }

  // MARK: Use

  /// Whether it selects by more than the repository and the time, so that some rounds of a pull
  /// request may be missing.
  var selectsSingly: Bool {
    needs == nil
      && (!words.isEmpty || states != nil || values[.requester] != nil || values[.worker] != nil
        || terms.count > (since == nil ? 0 : 1))
  }

  /// Whether it selects anything at all.
  var isEmpty: Bool {
    words.isEmpty && states == nil && values.isEmpty && terms.isEmpty && needs == nil
  }

  /// Whether the server alone finds what it selects.
  private var isOfServer: Bool {
    terms.isEmpty && (needs == nil || (states == nil && values[.worker] == nil))
  }

  /// nil if nothing can match.
  private var parameters: [(String, String?)]? {
    func list(_ names: some Sequence<String>) -> String { names.sorted().joined(separator: ",") }
    if let states, states.isEmpty { return nil }
    if let needs, needs.isEmpty { return nil }
    let common = [
      ("repo", values[.repo]), ("requester", values[.requester]),
      ("q", words.isEmpty ? nil : words.joined(separator: " ")),
    ]
    if let needs { return common + [("need", list(needs.map(\.rawValue)))] }
    return common + [
      ("state", states.map { list($0.map(\.rawValue)) }), ("worker", values[.worker]),
    ]
  }

  /// The parameters for the tasks of each need; nil if it selects by what the server cannot.
  var ofAllNeeds: [(String, String?)]? {
    needs == nil && terms.isEmpty && states == nil && values[.worker] == nil
      ? parameters?.filter { $0.1 != nil } : nil
  }

  private func matches(_ item: JSONValue) -> Bool {
    if needs != nil {
      if let states, !states.contains(where: { $0.rawValue == item["state"].stringValue }) {
        return false
      }
      if let worker = values[.worker], worker != item["worker"].stringValue { return false }
    }
    return terms.allSatisfy { $0.matches(item) != $0.isNegated }
  }

  /// The delegations that it selects, newest first, in the form of the API's list.
  /// - Parameters:
  ///   - limit: how many at most.
  ///   - cursor: the end of the page before.
  func find(_ api: ServerAPI, limit: Int, cursor: String? = nil) async throws -> JSONValue {
    guard let parameters else { return .object(["items": [], "next": nil]) }
    var found: [JSONValue] = []
    var cursor = cursor
    var answer = JSONValue.null
    repeat {
      // A page that is filtered here may be empty, so it is a large one.
      let size = isOfServer ? min(limit, Self.pageMax) : Self.pageMax
      answer = try await api.get(
        needs == nil ? "/api/delegations" : "/api/tasks",
        query: parameters + [("limit", String(size)), ("cursor", cursor)])
      if isOfServer, needs == nil, limit <= Self.pageMax { return answer }
      let items = (answer["items"].arrayValue ?? []).map { needs == nil ? $0 : $0["delegation"] }
      found += items.filter(matches)
      cursor = answer["next"].stringValue
      if let since, let last = items.last?["requestedAt"].time, last < since { cursor = nil }
    } while cursor != nil && found.count <= limit
    var members = answer.objectValue ?? [:]
    if found.count > limit {
      found.removeLast(found.count - limit)
      // The API's own cursor: the digits of the code.
      cursor = found.last?["confirmationCode"].stringValue.map { String($0.dropFirst(2)) }
    }
    members["items"] = .array(found)
    members["next"] = cursor.map { .string($0) } ?? .null
    return .object(members)
  }

  /// How many it selects.
  func count(_ api: ServerAPI) async throws -> Int {
    var count = 0
    var cursor: String?
    repeat {
      let page = try await find(api, limit: Self.pageMax, cursor: cursor)
      count += page["items"].arrayValue?.count ?? 0
      cursor = page["next"].stringValue
    } while cursor != nil
    return count
  }

  /// The largest page of the API.
  static let pageMax = 500
}
