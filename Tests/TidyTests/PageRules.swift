/// Rules about the web page's files.
enum PageRules {
  static let folder = "Sources/WebUI/page"
  static let list = "Sources/CAssets/web.c"
  static let index = "index.html"

  /// The binary carries every file of the folder, and no other: each is embedded and has an entry.
  static func carried(_ list: SourceFile, names: [String]) -> [Finding] {
    let embedded = Set(matches(of: #/^#embed "../WebUI/page/([^"]+)"/#, in: list))
    let entries = Set(matches(of: #/^\s*\{"([^"]+)", /#, in: list))
    let wanted = Set(names)
    return wanted.union(embedded).union(entries).sorted().compactMap { name in
      let message =
        if !wanted.contains(name) {
          "\(name) is not in the folder"
        } else if !embedded.contains(name) {
          "\(name) is not embedded"
        } else if !entries.contains(name) {
          "\(name) has no entry"
        } else {
          ""
        }
      return message.isEmpty ? nil : Finding(file: list.path, line: 1, message: message)
    }
  }

  /// What the first page's script imports, and what that imports in turn, is asked for at once: the
  /// index names it, with a low priority, since the request for the rows goes first. A module that
  /// is imported when it is needed is not.
  /// - Parameter modules: the scripts, by their path in the page's folder.
  static func preloaded(_ index: SourceFile, modules: [String: SourceFile]) -> [Finding] {
    let first = matches(of: #/<script type="module" src="([^"]+)"/#, in: index)
    var wanted: Set<String> = []
    var open = first
    while let name = open.popLast() {
      guard let module = modules[name] else { continue }
      for imported in imports(name, module) where wanted.insert(imported).inserted {
        open.append(imported)
      }
    }
    let link = #/<link rel="modulepreload" fetchpriority="low" href="([^"]+)"/#
    let told = Set(matches(of: link, in: index))
    return wanted.symmetricDifference(told).sorted().map { name in
      let message =
        wanted.contains(name) ? "preload \(name)" : "\(name) is not needed by the first page"
      return Finding(file: index.path, line: 1, message: message)
    }
  }

  /// Every script that is imported is there.
  static func imported(_ modules: [String: SourceFile]) -> [Finding] {
    modules.sorted { $0.key < $1.key }.flatMap { name, module in
      (imports(name, module) + targets(of: #/import\("([^"]+)"\)/#, in: module, named: name))
        .filter { modules[$0] == nil }
        .map { Finding(file: module.path, line: 1, message: "there is no \($0)") }
    }
  }

  private static func imports(_ name: String, _ module: SourceFile) -> [String] {
    targets(of: #/\bfrom "([^"]+)";$/#, in: module, named: name)
  }

  /// What a script names, as paths from the page's folder.
  private static func targets(
    of pattern: Regex<(Substring, Substring)>, in module: SourceFile, named name: String
  ) -> [String] {
    matches(of: pattern, in: module).map { target in
      var folders = name.split(separator: "/").dropLast()
      var parts: [Substring] = []
      for part in target.split(separator: "/") where part != "." {
        if part == ".." { _ = folders.popLast() } else { parts.append(part) }
      }
      return (folders + parts).joined(separator: "/")
    }
  }

  private static func matches(
    of pattern: Regex<(Substring, Substring)>, in file: SourceFile
  ) -> [String] {
    file.lines.flatMap { line in line.matches(of: pattern).map { String($0.output.1) } }
  }
}
