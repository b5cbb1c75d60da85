import ArgumentParser
import EventLog
import Terminal
import Text

struct Diff: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints the change that a delegation made, as a patch.",
    discussion: """
      On a terminal it has colors and goes through a pager (AIPM_PAGER, PAGER, else less), and \
      nothing in it can control the terminal. Into a pipe it goes byte for byte. Without a commit \
      it is what the last attempt had made, if that is kept.

      Examples:
        aipm diff PR1733356800123
        aipm diff acme/tools#12 --name-only
        aipm diff '#12' | git apply
      """)

  enum ColourChoice: String, CaseIterable, ExpressibleByArgument { case always, never, auto }

  @OptionGroup var delegation: ReferenceArgument
  @Flag(help: "Only the names of the changed files.")
  var nameOnly = false
  @Option(help: "When to use colors; auto: on a terminal.")
  var color = ColourChoice.auto
  @OptionGroup var client: ClientOptions

  func run() async throws {
    let api = try client.api
    let patch = try await patch(of: try await delegation.resolve(api), api)
    if nameOnly { return Pager.show(PatchText.names(patch)) }
    let hasColour =
      switch color {
      case .always: true
      case .never: false
      case .auto: Terminal.hasColour
      }
    guard Terminal.isInteractive || hasColour else { return Terminal.put(bytes: patch) }
    Pager.show(PatchText.shown(patch, hasColour: hasColour))
  }

  /// The change of the commit, else the work that was kept.
  private func patch(of reference: String, _ api: ServerAPI) async throws -> [UInt8] {
    let patch = try await api.text(try ServerAPI.path("/api/delegations", reference, "/diff"))
    let shown = try await api.get(ServerAPI.path("/api/delegations", reference))
    if shown["commitSHA"].stringValue == nil {
      Terminal.complain("aipm: there is no commit; this is what the agent had made")
    }
    return patch
  }
}

/// A patch for a terminal.
enum PatchText {
  /// The patch without anything that a terminal would interpret, with colours by kind of line.
  static func shown(_ patch: [UInt8], hasColour: Bool) -> String {
    var out = ""
    var hunk = HunkLines()
    for line in patch.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      let text = String(decoding: line, as: UTF8.self).safe(keepsLines: true)
      let style = hunk.style(of: line)
      out += style.map { $0.on(text, if: hasColour) } ?? text
      out += "\n"
    }
    if patch.last == UInt8(ascii: "\n") || patch.isEmpty { out.removeLast() }
    return out
  }

  /// The changed files, each on a line.
  static func names(_ patch: [UInt8]) -> String {
    var hunk = HunkLines()
    var names: [String] = []
    var old = ""
    for line in patch.split(separator: UInt8(ascii: "\n")) {
      guard hunk.style(of: line) == .bold else { continue }
      let text = String(decoding: line, as: UTF8.self)
      for (start, isOld) in [("--- ", true), ("+++ ", false)] where text.hasPrefix(start) {
        let name = String(text.dropFirst(start.count))
        if isOld {
          old = name
        } else {
          let kept = name == "/dev/null" ? old : name
          names.append(
            kept.hasPrefix("a/") || kept.hasPrefix("b/") ? String(kept.dropFirst(2)) : kept)
        }
      }
      // A file without lines: binary, renamed, or with another mode alone.
      for start in ["rename to ", "Binary files "] where text.hasPrefix(start) {
        names.append(String(text.dropFirst(start.count)))
      }
    }
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }.map { $0.safe() + "\n" }.joined()
  }
}

/// Knows which lines of a patch are in a hunk: a line there that begins with `--- ` is a removed
/// line, not a header.
private struct HunkLines {
  private var old = 0
  private var new = 0

  /// - Returns: bold for a header, nil for a line that did not change.
  mutating func style(of line: ArraySlice<UInt8>) -> Style? {
    if old > 0 || new > 0 {
      switch line.first {
      case UInt8(ascii: "+"):
        new -= 1
        return .green
      case UInt8(ascii: "-"):
        old -= 1
        return .red
      case UInt8(ascii: "\\"): return nil
      default:
        old -= 1
        new -= 1
        return nil
      }
    }
    guard line.starts(with: Array("@@ -".utf8)) else {
      return line.first == UInt8(ascii: "\\") ? nil : .bold
    }
    let parts = String(decoding: line, as: UTF8.self).split(separator: " ")
    guard parts.count >= 3 else { return .bold }
    old = Self.count(parts[1])
    new = Self.count(parts[2])
    return .cyan
  }

  /// `-12,5` is 5 lines, `-12` is one.
  private static func count(_ range: Substring) -> Int {
    let parts = range.split(separator: ",")
    return parts.count > 1 ? Int(parts[1]) ?? 0 : 1
  }
}

/// Shows a long text on the terminal.
enum Pager {
  /// Prints the text, on a terminal through the user's pager.
  static func show(_ text: String) {
    let pager = Foreground(["AIPM_PAGER", "PAGER"], orElse: ["less"])
    guard Terminal.isInteractive, let pager, pager.value != "cat" else {
      return Terminal.put(text)
    }
    // As git does: colours are shown, and a text that fits on the screen is only printed.
    let isShown = pager.take(text, environment: ["LESS": "FRX", "LV": "-c"])
    if !isShown { Terminal.put(text) }
  }
}
