import Domain
import FoundationEssentials

/// The trace of one git command's HTTP calls (git(1), GIT_TRACE_CURL), the only place where git
/// shows how long the forge asks it to wait. Git omits credentials from it. The file is readable
/// for this user only, and removed with this value.
final class CurlTrace: Sendable {
  /// More than the headers of one command's calls take.
  private static let bytesMax = 256 << 10

  private let path: String

  init(in folder: String) {
    path = "\(folder)/.trace-\(UUID().uuidString)"
    _ = FileManager.default.createFile(
      atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The environment that makes git write the trace.
  var environment: [String: String] {
    ["GIT_TRACE_CURL": path, "GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"]
  }

  /// The last `Retry-After`; nil if no response has one.
  var retryAfter: Milliseconds? {
    guard let text = try? Data(contentsOf: URL(filePath: path)) else { return nil }
    let lines = String(decoding: text.suffix(Self.bytesMax), as: UTF8.self).split(separator: "\n")
    for line in lines.reversed() {
      // "19:18:21.7 http.c:799   <= Recv header: Retry-After: 2"
      let words = line.split(separator: ":").suffix(2).map { $0.filter { !$0.isWhitespace } }
      guard line.contains("<= Recv header"), words.count == 2,
        words[0].lowercased() == "retry-after",
        let seconds = Int64(words[1]), seconds >= 0
      else { continue }
      return .seconds(min(max(seconds, 1), 86_400))
    }
    return nil
  }
}
