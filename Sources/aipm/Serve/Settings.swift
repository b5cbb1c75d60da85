import Workflows

/// The sources of settings: a flag, the environment, the configuration file, and the default. The
/// first one with a value wins. A secret comes from the environment, else from the service manager.
struct Settings {
  private let flags: GivenFlags
  private let environment: [String: String]
  private let credentials: ServiceCredentials
  /// nil if no file is used.
  let file: ConfigurationFile?

  /// An invalid setting.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// The source of a value.
  enum Origin {
    case flag
    case variable
    /// With file, line and column.
    case file(location: String)
    /// From the service manager.
    case credential(name: String)
  }

  /// The value of a setting and its source.
  struct Found {
    var setting: Setting
    var values: [String]
    var origin: Origin

    /// The values as one text.
    var value: String { values.joined(separator: ",") }

    /// The name in error messages.
    var name: String {
      switch origin {
      case .flag: "--\(setting.rawValue)"
      case .variable: setting.variable
      case .file(let location): "\(location): \(setting.rawValue)"
      case .credential(let name): "the credential \(name)"
      }
    }
  }

  /// - Parameter file: the selected section of the configuration file; nil: no file.
  init(
    flags: GivenFlags = GivenFlags(), environment: [String: String],
    credentials: ServiceCredentials = ServiceCredentials(), file: ConfigurationFile? = nil
  ) {
    self.flags = flags
    self.environment = environment
    self.credentials = credentials
    self.file = file
  }

  /// The value of a setting; nil if it is not set.
  func find(_ setting: Setting) -> Found? {
    if let given = flags.values[setting] {
      return Found(setting: setting, values: given, origin: .flag)
    }
    if let value = environment[setting.variable], !value.isEmpty {
      let values = setting.isList ? Self.parted(value) : [value]
      return Found(setting: setting, values: values, origin: .variable)
    }
    guard let entry = file?.entries[setting] else { return passed(setting) }
    // A list in the file may also be one text with commas.
    let values = setting.isList ? entry.values.flatMap(Self.parted) : entry.values
    return Found(
      setting: setting, values: entry.isList ? entry.values : values,
      origin: .file(location: entry.location))
  }

  /// A file that the service manager passes instead of a path in the settings.
  private func passed(_ setting: Setting) -> Found? {
    guard setting == .githubAppKeyFile,
      let path = credentials.file(ServiceCredentials.githubAppKey)
    else { return nil }
    return Found(
      setting: setting, values: [path],
      origin: .credential(name: ServiceCredentials.githubAppKey))
  }

  private static func parted(_ text: String) -> [String] {
    text.split(separator: ",").map { String($0.drop { $0 == " " }) }
  }

  func text(_ setting: Setting) -> String? { find(setting)?.value }

  func integer(_ setting: Setting, in range: ClosedRange<Int>) throws -> Int? {
    guard let found = find(setting) else { return nil }
    guard let n = Int(found.value), range.contains(n) else {
      throw Fault(
        description: "\(found.name) is \(found.value): write a whole number from "
          + "\(range.lowerBound) to \(range.upperBound)")
    }
    return n
  }

  /// One of a closed set of words.
  func word<T: RawRepresentable & CaseIterable>(
    _ setting: Setting, as type: T.Type
  ) throws -> T? where T.RawValue == String {
    guard let found = find(setting) else { return nil }
    guard let known = T(rawValue: found.value) else {
      let words = T.allCases.map(\.rawValue).joined(separator: " or ")
      throw Fault(description: "\(found.name) is \(found.value): write \(words)")
    }
    return known
  }

  /// A value that `read` accepts.
  func value<T>(
    _ setting: Setting, form: String, _ read: (String) throws -> T?
  ) throws -> T? {
    guard let found = find(setting) else { return nil }
    let made: T?
    do {
      made = try read(found.value)
    } catch {
      throw Fault(description: "\(found.name) is \(found.value): \(error)")
    }
    guard let made else {
      throw Fault(description: "\(found.name) is \(found.value): \(form)")
    }
    return made
  }

  func list(_ setting: Setting) -> [String] { find(setting)?.values ?? [] }

  /// The name of the environment: the section of the configuration file.
  var environmentName: String { file?.section ?? ConfigurationFile.standardSection }

  /// Checks that the variables which the operator requires are set.
  /// - Throws: `Fault` with a remedy.
  func checkRequired() throws {
    guard let found = find(.require) else { return }
    let missing = found.values.filter { name in
      secret(name) == nil && !Setting.allCases.contains { $0.variable == name && find($0) != nil }
    }
    guard missing.isEmpty else {
      throw Fault(
        description: "\(found.name): \(missing.joined(separator: ", ")) "
          + (missing.count == 1 ? "is" : "are") + " required and not set: set "
          + (missing.count == 1 ? "it" : "them") + " in the server's environment")
    }
  }

  /// A secret. It is read from the environment, else from the service manager, so that it is
  /// neither in the configuration file by accident nor in a process list.
  func secret(_ variable: String) -> String? { findSecret(variable)?.value }

  /// A secret and its source; nil if it is not set.
  func findSecret(_ variable: String) -> (value: String, origin: Origin)? {
    if let value = environment[variable], !value.isEmpty { return (value, .variable) }
    let name = ServiceCredentials.name(of: variable)
    return credentials.text(name).map { ($0, .credential(name: name)) }
  }
}
