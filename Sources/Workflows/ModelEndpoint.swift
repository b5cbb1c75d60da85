// A model's service and its credential, as data of a profile, so that the credential can stay
// outside the sandbox.

import NetworkRules
import Yams

/// A service that an agent calls with a credential, at a configurable address.
///
/// The worker gives the agent an address inside its sandbox, in `baseURLVariable`, and a
/// placeholder instead of the credential. Requests to that address are forwarded to the service
/// with the credential, which the agent never sees.
package struct ModelEndpoint: Codable, Equatable, Sendable {
  /// The variable with the credential; nil if the service needs none.
  package var variable: String?
  /// The header for the credential, in lowercase.
  package var header: String?
  /// The text before the credential in the header, such as `Bearer`; may be empty.
  package var scheme: String
  /// The variable with the agent's address. If the operator set it, its value is the upstream,
  /// which may be on this machine.
  package var baseURLVariable: String
  /// The default upstream, such as `https://api.anthropic.com`; nil if the operator must set
  /// `baseURLVariable`.
  package var upstream: String?

  package init(
    variable: String?, header: String?, scheme: String = "", baseURLVariable: String,
    upstream: String?
  ) {
    self.variable = variable
    self.header = header
    self.scheme = scheme
    self.baseURLVariable = baseURLVariable
    self.upstream = upstream
  }
}

extension DefinitionReader {
  /// More than any agent has providers.
  private static let endpointsMax = 12

  /// Reads an agent's `model-keys`.
  mutating func modelEndpoints(_ node: Node, _ name: String) -> [ModelEndpoint] {
    guard case .sequence(let items) = node else {
      note(
        node.position, "\(name) is not a list",
        "write a line for each, as in - {variable: NAME_API_KEY, header: x-api-key, "
          + "base-url-variable: NAME_BASE_URL, host: https://api.example.com}")
      return []
    }
    if items.count > Self.endpointsMax {
      note(node.position, "\(name) has more than \(Self.endpointsMax) items", "write fewer")
      return []
    }
    return items.enumerated().compactMap { modelEndpoint($1, "\(name)[\($0)]") }
  }

  private mutating func modelEndpoint(_ node: Node, _ name: String) -> ModelEndpoint? {
    let keys = ["variable", "header", "base-url-variable", "host"]
    guard let fields = fields(node, at: name, keys: keys),
      let baseNode = required(fields, "base-url-variable"),
      let base = text(baseNode, fields.name("base-url-variable"))
    else { return nil }
    let variable = fields.values["variable"].flatMap { text($0, fields.name("variable")) }
    for variable in [base] + (variable.map { [$0] } ?? []) {
      if let fault = AgentProfile.environmentFault(variable) {
        note(node.position, fault.message, fault.instead)
      }
    }
    var header: (name: String, scheme: String)?
    if let node = fields.values["header"] { header = self.header(node, fields.name("header")) }
    if (variable == nil) != (header == nil) {
      note(
        node.position, "\(name) has one of variable and header",
        "write both: the variable that holds the key, and the header that carries it")
    }
    let host = fields.values["host"].flatMap { upstream($0, fields.name("host")) }
    return ModelEndpoint(
      variable: variable, header: header?.name, scheme: header?.scheme ?? "",
      baseURLVariable: base, upstream: host)
  }

  /// `x-api-key`, or `authorization: Bearer`.
  private mutating func header(_ node: Node, _ name: String) -> (name: String, scheme: String)? {
    guard let text = text(node, name) else { return nil }
    let parts = text.split(separator: ":", maxSplits: 1).map { $0.filter { $0 != " " } }
    guard let first = parts.first, parts.allSatisfy(Self.isToken) else {
      note(
        node.position, "\(name) is \"\(text)\"",
        "write a header's name, as in x-api-key, or with a prefix of the key, "
          + "as in \"authorization: Bearer\"")
      return nil
    }
    return (first.lowercased(), parts.count > 1 ? parts[1] : "")
  }

  /// Whether it consists of letters, digits, - and _.
  private static func isToken(_ text: String) -> Bool {
    let marks: Set = [UInt8(ascii: "-"), UInt8(ascii: "_")]
    return !text.isEmpty
      && text.utf8.allSatisfy { byte in
        (0x61...0x7a).contains(byte | 0x20) || (0x30...0x39).contains(byte) || marks.contains(byte)
      }
  }

  private mutating func upstream(_ node: Node, _ name: String) -> String? {
    guard let text = text(node, name) else { return nil }
    let prefix = "https://"
    let rest = text.utf8.starts(with: prefix.utf8) ? text.dropFirst(prefix.count) : ""
    let host = rest.prefix { $0 != "/" }
    guard !host.isEmpty, (try? HostRule(parsing: String(host))) != nil else {
      note(
        node.position, "\(name) is \"\(text)\"",
        "write https:// and a host, as in https://api.anthropic.com")
      return nil
    }
    return text
  }
}
