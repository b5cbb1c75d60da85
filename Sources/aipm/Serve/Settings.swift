import FoundationEssentials
import Glibc
import Yams

/// Where a setting may come from: a flag, the environment, the configuration file, and last the
/// default. The first that says something counts.
struct Settings {
  /// The section of the configuration file for this environment.
  private let section: [String: Node]
  private let file: String
  private let environment: [String: String]

  /// A setting that cannot be used.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// The names that the configuration file may use, and the variables that stand for them.
  static let variables: [String: String] = [
    "data": "AIPM_DATA", "host": "AIPM_HOST", "port": "AIPM_PORT", "workers": "AIPM_WORKERS",
    "connections": "AIPM_CONNECTIONS",
    "agent": "AIPM_AGENT", "agentCommand": "AIPM_AGENT_COMMAND", "agentEnv": "AIPM_AGENT_ENV",
    "agentAllow": "AIPM_AGENT_ALLOW", "agentPrivateNetwork": "AIPM_AGENT_PRIVATE_NETWORK",
    "agentTimeout": "AIPM_AGENT_TIMEOUT", "attempts": "AIPM_ATTEMPTS",
    "workflows": "AIPM_WORKFLOWS", "basePath": "AIPM_BASE_PATH",
    "allowOrigins": "AIPM_ALLOW_ORIGINS", "forge": "AIPM_FORGE",
    "keepOutput": "AIPM_KEEP_OUTPUT", "keepWords": "AIPM_KEEP_WORDS",
    "maskPatterns": "AIPM_MASK_PATTERNS",
    "forgePace": "AIPM_FORGE_PACE", "caFile": "AIPM_CA_FILE",
    "githubApiURL": "AIPM_GITHUB_API_URL", "githubAppID": "AIPM_GITHUB_APP_ID",
    "githubAppKeyFile": "AIPM_GITHUB_APP_KEY_FILE",
    "githubAppInstallationID": "AIPM_GITHUB_APP_INSTALLATION_ID",
    "defaultRepo": "AIPM_DEFAULT_REPO", "sandbox": "AIPM_SANDBOX",
    "sandboxReadable": "AIPM_SANDBOX_READABLE", "cacheAge": "AIPM_CACHE_AGE",
    "cacheSize": "AIPM_CACHE_SIZE", "workerUser": "AIPM_WORKER_USER",
  ]

  /// - Parameters:
  ///   - config: the file that was named; nil: `./aipm.yaml` where it exists.
  ///   - name: which section of the file counts.
  init(config: String?, name: String, environment: [String: String]) throws {
    self.environment = environment
    file = config ?? "aipm.yaml"
    guard config != nil || access(file, F_OK) == 0 else {
      section = [:]
      return
    }
    let text: String
    do {
      text = try String(contentsOfFile: file, encoding: .utf8)
    } catch {
      throw Fault(description: "\(file) cannot be read: name a file that exists with --config")
    }
    section = try Self.section(name, of: text, file: file)
  }

  private static func section(
    _ name: String, of text: String, file: String
  ) throws -> [String: Node] {
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch {
      throw Fault(description: "\(file): \(error)")
    }
    guard let root else { return [:] }
    guard let sections = root.mapping else {
      throw Fault(description: "\(file):1: write a section for each environment: \(name): …")
    }
    var settings: [String: Node] = [:]
    for (key, value) in sections where key.string == name {
      guard let mapping = value.mapping else {
        if value.null != nil { continue }
        throw Fault(description: "\(place(value, file)): the section \(name) must hold settings")
      }
      for (setting, value) in mapping {
        let known = setting.string ?? ""
        guard variables[known] != nil else {
          let names = variables.keys.sorted().joined(separator: ", ")
          throw Fault(
            description: "\(place(setting, file)): \(known) is no setting; write one of: \(names)")
        }
        settings[known] = value
      }
    }
    return settings
  }

  private static func place(_ node: Node, _ file: String) -> String {
    node.mark.map { "\(file):\($0.line):\($0.column)" } ?? file
  }

  /// The value of a setting and where it comes from, for faults; nil where nothing says anything.
  private func find(_ name: String, flag: String?) -> (value: String, from: String)? {
    if let flag { return (flag, "--\(Self.flagName(name))") }
    if let variable = Self.variables[name], let value = environment[variable], !value.isEmpty {
      return (value, variable)
    }
    guard let node = section[name] else { return nil }
    let value = node.sequence.map { $0.compactMap(\.string).joined(separator: ",") }
    return (value ?? node.string ?? "", "\(Self.place(node, file)): \(name)")
  }

  private static func flagName(_ name: String) -> String {
    name.reduce(into: "") { flag, character in
      if character.isUppercase, flag.last?.isLowercase ?? false { flag += "-" }
      flag += character.lowercased()
    }
  }

  func text(_ name: String, flag: String?) -> String? { find(name, flag: flag)?.value }

  func integer(_ name: String, flag: Int?, in range: ClosedRange<Int>) throws -> Int? {
    guard let (value, from) = find(name, flag: flag.map { String($0) }) else { return nil }
    guard let n = Int(value), range.contains(n) else {
      throw Fault(
        description: "\(from) is \(value): write a whole number from \(range.lowerBound) to "
          + "\(range.upperBound)")
    }
    return n
  }

  /// One of a closed set of words.
  func word<T: RawRepresentable & CaseIterable>(
    _ name: String, flag: String?, as type: T.Type
  ) throws -> T? where T.RawValue == String {
    guard let (value, from) = find(name, flag: flag) else { return nil }
    guard let known = T(rawValue: value) else {
      let words = T.allCases.map(\.rawValue).joined(separator: " or ")
      throw Fault(description: "\(from) is \(value): write \(words)")
    }
    return known
  }

  /// A value that `read` understands.
  func value<T>(
    _ name: String, flag: String?, form: String, _ read: (String) throws -> T?
  ) throws -> T? {
    guard let (value, from) = find(name, flag: flag) else { return nil }
    let made: T?
    do {
      made = try read(value)
    } catch {
      throw Fault(description: "\(from) is \(value): \(error)")
    }
    guard let made else { throw Fault(description: "\(from) is \(value): \(form)") }
    return made
  }

  /// Words separated by commas.
  func list(_ name: String, flags: [String]) -> [String] {
    if !flags.isEmpty { return flags }
    return (find(name, flag: nil)?.value ?? "").split(separator: ",").map {
      String($0.drop { $0 == " " })
    }
  }

  /// A credential: it comes from the environment alone, so that it stands in no file by accident
  /// and in no process list.
  func secret(_ variable: String) -> String? {
    environment[variable].flatMap { $0.isEmpty ? nil : $0 }
  }
}
