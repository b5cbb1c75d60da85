// Patterns of protected branches.

enum Glob {
  /// Whether a name matches a pattern: `*` matches any characters except `/`, `**` any, `?` one, as
  /// in GitHub's branch protection (Ruby's `File.fnmatch` with FNM_PATHNAME).
  static func matches(_ name: String, _ pattern: String) -> Bool {
    matches(Array(name.utf8)[...], Array(pattern.utf8)[...])
  }

  private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return name.isEmpty }
    let slash = UInt8(ascii: "/")
    switch first {
    case UInt8(ascii: "*"):
      let any = pattern.dropFirst().first == UInt8(ascii: "*")
      let rest = pattern.dropFirst(any ? 2 : 1)
      let reach = any ? name.count : name.prefix { $0 != slash }.count
      return (0...reach).contains { matches(name.dropFirst($0), rest) }
    case UInt8(ascii: "?"):
      guard let byte = name.first, byte != slash else { return false }
      return matches(name.dropFirst(), pattern.dropFirst())
    case _:
      return name.first == first && matches(name.dropFirst(), pattern.dropFirst())
    }
  }
}
