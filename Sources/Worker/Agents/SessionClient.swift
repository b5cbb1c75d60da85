// What an agent asks and reports in one session of the Agent Client Protocol. Its words and what it
// does go into the output. Its profile answers its questions.

import Domain
import Synchronization
import Text
import Workflows

/// The client's side of one session.
final class SessionClient: Sendable {
  /// Texts within records are no longer than this, in characters.
  private static let textMax = 500
  private static let entriesMax = 100
  private static let toolsMax = 1000

  private struct Tool {
    var title: String
    var kind: String
    var status: String
  }

  private struct State {
    var tools: [String: Tool] = [:]
    var plan: JSONValue?
    var usage = AgentUsage()
    var isCancelled = false
    /// Whether the output stands at the beginning of a line.
    var isAtLine = true
    var isThinking = false
    /// What it said since its last use of a tool.
    var words = ""
  }

  private let session: AgentSession
  private let files: TreeFiles
  private let log: OutputLog
  private let heard: @Sendable (OutputLog.Size) -> Void
  private let onUsage: @Sendable (AgentUsage) -> Void
  private let state = Mutex(State())
  private let id = Mutex<String?>(nil)

  /// - Parameters:
  ///   - heard: called at each sign of life of the agent.
  ///   - onUsage: called with what the agent has used so far, when that changes.
  init(
    _ session: AgentSession, tree: String, log: OutputLog,
    heard: @escaping @Sendable (OutputLog.Size) -> Void,
    onUsage: @escaping @Sendable (AgentUsage) -> Void = { _ in }
  ) {
    self.onUsage = onUsage
    self.session = session
    files = TreeFiles(root: tree)
    self.log = log
    self.heard = heard
  }

  /// What the agent calls the session, once it has said so.
  func open(_ name: String) { id.withLock { $0 = name } }

  /// Whether a message is meant: an agent may still speak of the session before.
  func isMeant(_ parameters: JSONValue) -> Bool {
    guard let own = id.withLock({ $0 }), let named = parameters["sessionId"].stringValue else {
      return true
    }
    return own == named
  }

  var used: AgentUsage { state.withLock { $0.usage } }

  /// Its last words; nil if it gave none.
  var lastWords: String? { LastWords.text(Array(state.withLock { $0.words }.utf8)) }

  /// From now on every question is answered with that.
  func cancel() { state.withLock { $0.isCancelled = true } }

  // MARK: What it says

  /// Bytes outside messages: standard error, and lines that cannot be read as a message.
  func say(_ bytes: [UInt8]) {
    let size = state.withLock { state in
      endThought(&state)
      state.isAtLine = bytes.last == 0x0a
      return log.append(bytes)
    }
    heard(size)
  }

  private func put(_ text: String, _ state: inout State) {
    guard let last = text.utf8.last else { return }
    log.append(Array(text.utf8))
    state.isAtLine = last == 0x0a
  }

  private func putLine(_ text: String, _ state: inout State) {
    endThought(&state)
    put((state.isAtLine ? "" : "\n") + text + "\n", &state)
  }

  private func endThought(_ state: inout State) {
    guard state.isThinking else { return }
    state.isThinking = false
    put("\u{1b}[0m", &state)
  }

  func take(update: JSONValue) {
    state.withLock { state in
      switch update["sessionUpdate"].stringValue {
      case "agent_message_chunk":
        endThought(&state)
        let text = Self.text(of: update["content"])
        put(text, &state)
        state.words = String((state.words + text).suffix(2 * LastWords.charactersMax))
      case "agent_thought_chunk":
        if !state.isThinking { put("\u{1b}[2m", &state) }
        state.isThinking = true
        put(Self.text(of: update["content"]), &state)
      case "tool_call", "tool_call_update":
        state.words = ""
        take(tool: update, &state)
      case "plan": take(plan: update, &state)
      case "usage_update": take(usage: update, &state)
      case _: break
      }
    }
    heard(log.size)
  }

  private static func text(of content: JSONValue) -> String {
    switch content["type"].stringValue {
    case "text": return content["text"].stringValue ?? ""
    case "resource_link": return content["uri"].stringValue ?? ""
    case let type?: return "[\(brief(type))]"
    case nil: return ""
    }
  }

  private static func brief(_ text: String) -> String { String(text.prefix(textMax)) }

  // MARK: What it does

  private func take(tool update: JSONValue, _ state: inout State) {
    guard let id = update["toolCallId"].stringValue else { return }
    let known = state.tools[id]
    guard known != nil || state.tools.count < Self.toolsMax else { return }
    let tool = Tool(
      title: (update["title"].stringValue).map(Self.oneLine) ?? known?.title ?? "a tool",
      kind: (update["kind"].stringValue).map(Self.brief) ?? known?.kind ?? "other",
      status: (update["status"].stringValue).map(Self.brief) ?? known?.status ?? "pending")
    state.tools[id] = tool
    if known == nil { putLine("● \(tool.title)", &state) }
    let hasEnded = tool.status != known?.status
    if hasEnded, tool.status == "completed" { putLine("✓ \(tool.title)", &state) }
    if hasEnded, tool.status == "failed" {
      let why = Self.brief(Self.words(of: update["content"]))
      putLine("✗ \(tool.title)\(why.isEmpty ? "" : ": \(why)")", &state)
    }
    var record: [String: JSONValue] = [
      "id": .string(Self.brief(id)), "title": .string(tool.title), "kind": .string(tool.kind),
      "status": .string(tool.status),
    ]
    let paths = (update["locations"].arrayValue ?? []).prefix(20).compactMap {
      $0["path"].stringValue
    }
    if !paths.isEmpty {
      record["paths"] = .array(paths.map { .string(Self.brief(files.relative($0) ?? $0)) })
    }
    log.record("tool", .object(record))
  }

  private static func oneLine(_ text: String) -> String {
    brief(text.split(whereSeparator: \.isNewline).joined(separator: " "))
  }

  private static func words(of content: JSONValue) -> String {
    (content.arrayValue ?? []).map { text(of: $0["content"]) }.joined(separator: " ")
  }

  private func take(plan update: JSONValue, _ state: inout State) {
    let entries = (update["entries"].arrayValue ?? []).prefix(Self.entriesMax).map { entry in
      JSONValue.object([
        "content": .string(Self.oneLine(entry["content"].stringValue ?? "")),
        "status": .string(Self.brief(entry["status"].stringValue ?? "pending")),
        "priority": .string(Self.brief(entry["priority"].stringValue ?? "medium")),
      ])
    }
    let plan = JSONValue.array(Array(entries))
    guard plan != state.plan else { return }
    if state.plan == nil {
      putLine("Plan:", &state)
      for entry in entries { putLine("  - \(entry["content"].stringValue ?? "")", &state) }
    }
    state.plan = plan
    log.record("plan", plan)
  }

  private func take(usage update: JSONValue, _ state: inout State) {
    let cost = update["cost"]
    if cost["currency"].stringValue == "USD", let amount = cost["amount"].doubleValue {
      state.usage.set(.cost, reported: amount)
      onUsage(state.usage)
    }
    var context: [String: JSONValue] = [:]
    context["context"] = update["used"].integerValue.map { .integer($0) }
    context["contextMax"] = update["size"].integerValue.map { .integer($0) }
    log.record("usage", state.usage.json.with(.object(context)))
  }

  /// The tokens that the answer to the prompt reports.
  func take(final usage: JSONValue) {
    guard usage != .null else { return }
    state.withLock { state in
      let figures: [(UsageFigure, String)] = [
        (.inputTokens, "inputTokens"), (.outputTokens, "outputTokens"),
        (.cachedTokens, "cachedReadTokens"),
      ]
      for (figure, name) in figures {
        if let value = usage[name].doubleValue { state.usage.set(figure, reported: value) }
      }
      onUsage(state.usage)
      log.record("usage", state.usage.json)
    }
  }

  /// Ends what is open in the output.
  func finish() {
    let size = state.withLock { state in
      endThought(&state)
      if !state.isAtLine { put("\n", &state) }
      return log.size
    }
    heard(size)
  }

  // MARK: What it asks

  func answer(_ method: String, _ parameters: JSONValue) -> RPCPeer.Outcome {
    heard(log.size)
    switch method {
    case "session/request_permission": return .success(permission(parameters))
    case "fs/read_text_file" where session.accessesFiles:
      return file(parameters) { path throws(TreeFiles.Fault) in
        let text = try files.read(
          path, line: parameters["line"].integerValue.map { Int($0) },
          limit: parameters["limit"].integerValue.map { Int($0) })
        return .object(["content": .string(text)])
      }
    case "fs/write_text_file" where session.accessesFiles:
      return file(parameters) { path throws(TreeFiles.Fault) in
        try files.write(path, parameters["content"].stringValue ?? "")
        return .object([:])
      }
    case _:
      return .failure(.refused(code: RPCPeer.Code.methodNotFound, message: "no \(method) here"))
    }
  }

  private func file(
    _ parameters: JSONValue, _ body: (String) throws(TreeFiles.Fault) -> JSONValue
  ) -> RPCPeer.Outcome {
    guard let path = parameters["path"].stringValue else {
      return .failure(.refused(code: RPCPeer.Code.invalidParameters, message: "path is missing"))
    }
    do throws(TreeFiles.Fault) {
      return .success(try body(path))
    } catch {
      switch error {
      case .notFound:
        return .failure(.refused(code: RPCPeer.Code.notFound, message: "there is no \(path)"))
      case .outside:
        return .failure(
          .refused(
            code: RPCPeer.Code.invalidParameters,
            message: "\(path) is not in the working tree, or a link leads there"))
      case .unfit(let message):
        return .failure(.refused(code: RPCPeer.Code.internalError, message: message))
      }
    }
  }

  private func permission(_ parameters: JSONValue) -> JSONValue {
    let cancelled = JSONValue.object(["outcome": .object(["outcome": "cancelled"])])
    return state.withLock { state in
      if state.isCancelled { return cancelled }
      let call = parameters["toolCall"]
      let known = call["toolCallId"].stringValue.flatMap { state.tools[$0] }
      let kind = call["kind"].stringValue ?? known?.kind
      let isAllowed = session.permissions.allows(kind)
      let title = (call["title"].stringValue).map(Self.oneLine) ?? known?.title ?? "a tool"
      // What is allowed is allowed once: what an agent keeps for later is not seen here.
      let wanted =
        isAllowed ? ["allow_once", "allow_always"] : ["reject_once", "reject_always"]
      let options = parameters["options"].arrayValue ?? []
      let chosen = wanted.lazy.compactMap { kind in
        options.first { $0["kind"].stringValue == kind }?.objectValue?["optionId"]
      }.first
      putLine("? \(title): \(isAllowed ? "allowed" : "refused")", &state)
      log.record(
        "permission", .object(["title": .string(title), "allowed": .bool(isAllowed)]))
      guard let chosen else { return cancelled }
      return .object(["outcome": .object(["outcome": "selected", "optionId": chosen])])
    }
  }
}

extension AgentUsage {
  /// For the output's records: the numbers as agents report them, by the names that profiles use,
  /// and a text for people.
  fileprivate var json: JSONValue {
    var members: [String: JSONValue] = [:]
    for figure in UsageFigure.allCases {
      guard let value = self[figure] else { continue }
      let (whole, rest) = value.quotientAndRemainder(dividingBy: figure.scale)
      members[figure.rawValue] =
        rest == 0 ? .integer(whole) : .number(Double(value) / Double(figure.scale))
    }
    members["words"] = summary.map { .string($0) }
    return .object(members)
  }
}
