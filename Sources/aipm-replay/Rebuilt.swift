import EventLog
import FoundationEssentials
import Projections
import Terminal
import Text

/// Views that were rebuilt and swapped in, by this program or by the running server.
struct Rebuilt {
  let rebuild: JSONValue
  let byServer: Bool
  let duration: Duration

  /// - Parameter onProgress: called with the number of events that this program has folded.
  static func make(
    in folder: String, of store: any StoreDriver, onProgress: @escaping ReplayProgress
  ) async throws -> Rebuilt {
    let started = ContinuousClock.now
    let lock: any StoreLock
    do {
      lock = try store.lock()
    } catch is StoreInUse {
      let answer = try RunningServer(folder: folder).rebuild()
      return Rebuilt(rebuild: answer, byServer: true, duration: .now - started)
    }
    let rebuild = try await store.rebuildViews(onProgress: onProgress)
    return withExtendedLifetime(lock) {
      Rebuilt(rebuild: rebuild.json, byServer: false, duration: .now - started)
    }
  }

  /// Whether the replaced views were equal to the log's.
  var isIdentical: Bool { rebuild["identical"].boolValue ?? false }

  func print(json: Bool) throws {
    if json { return try JSONOutput.print(object) }
    let events = Int(rebuild["events"].integerValue ?? 0)
    Terminal.say(
      "events         \(Terminal.grouped(events)) in \(Terminal.tenths(duration.seconds)) s, "
        + "hash chain checked, \(byServer ? "by the running server" : "no server runs")")
    Terminal.say(
      "head           \(rebuild["head"]["position"].integerValue ?? 0) "
        + (rebuild["head"]["hash"].stringValue ?? ""))
    for view in ViewName.allCases {
      Terminal.say(view.label + (rebuild["views"][view.rawValue].stringValue ?? ""))
    }
    for difference in rebuild["differences"].arrayValue ?? [] {
      let view = difference["view"].stringValue ?? ""
      Terminal.say("\(view) \(difference["row"].stringValue ?? "")".safe())
      Terminal.say("  rebuilt:  \(text(difference["folded"]))")
      Terminal.say("  replaced: \(text(difference["live"]))")
    }
    for fault in rebuild["faults"].arrayValue ?? [] {
      Terminal.say("mended: \(fault.stringValue ?? "")".safe())
    }
    Terminal.say(
      isIdentical
        ? "rebuilt and swapped in: identical to the views that were there"
        : "rebuilt and swapped in: the views that were there were NOT the log's")
  }

  private func text(_ row: JSONValue) -> String {
    row == .null ? "no such row" : row.canonicalText.safe()
  }

  private var object: JSONValue {
    var all = rebuild.objectValue ?? [:]
    all["byServer"] = .bool(byServer)
    all["milliseconds"] = .integer(Int64(duration.seconds * 1000))
    return .object(all)
  }
}
