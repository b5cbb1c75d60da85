import Domain
import FoundationEssentials
import Glibc
import Workflows
import Yams

/// The selected section of the configuration file. The whole file is checked. Otherwise an unknown
/// key or a missing section would start a server with defaults.
struct ConfigurationFile {
  /// The file's value of one setting.
  struct Entry {
    var values: [String]
    var isList: Bool
    /// File, line and column.
    var location: String
  }

  /// The path as given.
  let path: String
  /// The name of the section.
  let section: String
  let entries: [Setting: Entry]

  static let standardPath = "aipm.yaml"
  static let standardSection = "development"

  /// - Parameters:
  /// - path: the given path; nil: `./aipm.yaml` if it exists.
  /// - section: the given section; nil: `development`.
  /// - Returns: nil if no file was given and `./aipm.yaml` is absent.
  /// - Throws: `Settings.Fault` with a remedy.
  static func find(path: String?, section: String?) throws -> ConfigurationFile? {
    guard path != nil || access(standardPath, F_OK) == 0 else {
      guard let section, section != standardSection else { return nil }
      throw Settings.Fault(
        description: "the environment \(section) does not exist, for there is no \(standardPath) "
          + "here: name the file with --config, or leave --env and AIPM_ENV out")
    }
    let path = path ?? standardPath
    return try ConfigurationFile(
      path: path, text: try text(of: path), section: section ?? standardSection,
      isNamed: section != nil)
  }

  private static func text(of path: String) throws -> String {
    do throws(TextFile.Fault) {
      return try TextFile.read(path)
    } catch {
      throw Settings.Fault(description: "\(error); name another file with --config")
    }
  }

  init(path: String, text: String, section: String, isNamed: Bool) throws {
    self.path = path
    self.section = section
    guard let root = try Self.compose(text, path) else {
      throw Settings.Fault(
        description: "\(path) is empty: write a section for each environment, such as "
          + "\(section): {port: 8080}, or remove the file")
    }
    guard let sections = root.mapping else {
      throw Settings.Fault(
        description: "\(Self.location(root, path)): write a section for each environment, such as "
          + "\(section): {port: 8080}")
    }
    var found: [String: [Setting: Entry]] = [:]
    for (key, value) in sections {
      let name = key.string ?? ""
      guard value.mapping != nil || value.null != nil else {
        throw Settings.Fault(
          description: "\(Self.location(key, path)): \(name) is outside of a section; "
            + "write it in one, indented:\n  \(section):\n    \(name): …")
      }
      found[name] = try Self.entries(value, of: name, path)
    }
    guard let entries = found[section] else {
      let names = found.keys.sorted()
      let near = Spelling.nearest(to: section, in: names).map { " Did you mean \($0)?" } ?? ""
      let asked = isNamed ? "" : " (--env or AIPM_ENV names another)"
      throw Settings.Fault(
        description: "\(path) has no section \(section)\(asked); it has "
          + "\(names.joined(separator: ", ")).\(near)")
    }
    self.entries = entries
  }

  private static func entries(
    _ section: Node, of name: String, _ path: String
  ) throws -> [Setting: Entry] {
    var entries: [Setting: Entry] = [:]
    for (key, value) in section.mapping ?? [:] {
      let location = location(key, path)
      guard let setting = Setting(key: key.string ?? "") else {
        let keys = Setting.allCases.map(\.rawValue)
        throw Settings.Fault(
          description: "\(location): \(key.string ?? "this") is not a setting; "
            + Spelling.hint(for: key.string ?? "", in: keys))
      }
      guard entries[setting] == nil else {
        throw Settings.Fault(
          description: "\(location): \(setting.rawValue) is set twice in \(name); write it once")
      }
      entries[setting] = Entry(
        values: try values(value, of: setting, location), isList: value.sequence != nil,
        location: location)
    }
    return entries
  }

  private static func values(
    _ node: Node, of setting: Setting, _ location: String
  ) throws -> [String] {
    if let items = node.sequence, setting.isList {
      let texts = items.compactMap { $0.scalar?.string }
      if texts.count == items.count { return texts }
    }
    guard let text = node.scalar?.string, node.null == nil else {
      let form = setting.isList ? "write a list of texts" : "write one value"
      throw Settings.Fault(
        description: "\(location): \(setting.rawValue) has no value that can be used; \(form), or "
          + "leave the key out")
    }
    return [text]
  }

  private static func location(_ node: Node, _ path: String) -> String {
    node.mark.map { "\(path):\($0.line):\($0.column)" } ?? path
  }

  private static func compose(_ text: String, _ path: String) throws -> Node? {
    do {
      return try Yams.compose(yaml: text)
    } catch let error as YamlError {
      switch error {
      case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
        .composer(_, let problem, let mark, _):
        throw Settings.Fault(
          description: "\(path):\(mark.line):\(mark.column): this is not YAML: \(problem)")
      case .duplicatedKeysInMapping(let keys, let context):
        throw Settings.Fault(
          description: "\(path):\(context.mark.line): \(keys.joined(separator: ", ")) is set twice "
            + "here; write it once")
      case .no, .memory, .reader, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
        throw Settings.Fault(
          description: "\(path) cannot be read as YAML: look for control characters in it")
      }
    }
  }
}
