/// Rules about the words of comments and names. A comment says in plain technical English what the
/// code does; a word below makes the reader guess what is meant.
enum LanguageRules {
  /// The modules that the rules apply to, with their tests. The list is to grow to all modules.
  static let modules: Set = [
    "CCurl", "CProcess", "Cryptography", "DemoAgent", "Domain", "Egress", "EmbeddedForge", "Engine",
    "EventLog", "ForgeGitHub", "ForgePort", "GitBackend", "HTTPClient", "HTTPServing",
    "InMemoryEventStore", "Mirrors", "NetworkRules", "OpenID", "Processes", "Projections",
    "PostgreSQL", "PostgreSQLEventStore", "Prometheus", "SQLite", "SQLiteEventStore", "Screening",
    "Server", "Stores", "SystemCalls",
    "Terminal", "Text", "WebUI", "Worker", "WorkerProtocol", "Workflows", "aipm", "aipm-replay",
  ]

  /// In comments. "If there is none" is "if absent", "nil where" is "nil if".
  private static let phrases = [
    "is none", "are none", "nil where", "true where", "false where", "empty where", "zero where",
    "whoever", "anew", "hurt", "hurts", "owe", "owes", "trouble", "lent", "errand", "errands",
    "told", "in earnest", "of ours", "it stands", "they stand", "stands where", "the mend",
  ].map { $0.split(separator: " ").map(String.init) }

  /// In names: the parts that capital letters separate.
  private static let parts: Set = [
    "told", "sought", "desk", "door", "lane", "owe", "owes", "trouble", "hurt", "hurts", "lent",
    "errand", "errands",
  ]

  /// Names of columns of views, which stay as they are.
  private static let columnNames: Set<Substring> = ["troubleCode"]

  static func applies(to file: SourceFile) -> Bool {
    modules.contains(file.module)
      || file.module.hasSuffix("Tests")
        && modules.contains(String(file.module.dropLast("Tests".count)))
  }

  /// Phrases are also found if they continue on the next line.
  static func comments(_ file: SourceFile) -> [Finding] {
    var words: [(line: Int, word: String)] = []
    for index in file.lines.indices {
      let comment = comment(file, index)
      // A separator, so that no phrase spans code.
      if comment.isEmpty { words.append((index, "")) }
      words += comment.lowercased().split { !$0.isLetter }.map { (index, String($0)) }
    }
    return words.indices.compactMap { start in
      let phrase = phrases.first { phrase in
        words[start...].prefix(phrase.count).map(\.word) == phrase
      }
      return phrase.map {
        file.finding(words[start].line, "the comment says \"\($0.joined(separator: " "))\"")
      }
    }
  }

  static func names(_ file: SourceFile) -> [Finding] {
    file.code.indices.flatMap { index in
      let tokens = file.code[index].split { !$0.isLetter && !$0.isNumber }
        .filter { !columnNames.contains($0) }
      return tokens.compactMap { token in
        camelParts(token).first(where: parts.contains).map {
          file.finding(index, "\(token) says \"\($0)\"")
        }
      }
    }
  }

  /// The text behind `//` in a line; empty without a comment.
  private static func comment(_ file: SourceFile, _ index: Int) -> Substring {
    let line = file.lines[index]
    guard line.contains("//") else { return "" }
    // Masked code keeps the quotes of literals, so what follows a `//` in one is not blank.
    let code = Array(file.code[index].utf8)
    let last = code.lastIndex { $0 != UInt8(ascii: " ") }.map { $0 + 1 } ?? 0
    let rest = String(decoding: Array(line.utf8)[last...], as: UTF8.self)
    let trimmed = rest.drop { $0 == " " }
    return trimmed.hasPrefix("//") ? trimmed.drop { $0 == "/" } : ""
  }

  private static func camelParts(_ name: Substring) -> [String] {
    var parts: [String] = []
    for character in name {
      if character.isUppercase || parts.isEmpty {
        parts.append(character.lowercased())
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts
  }
}
