// Where an agent's model is asked, and with what: data of a profile, so that the credential can
// stay outside of the sandbox.

import NetworkRules
import Yams

/// A service that an agent calls with a credential, and that it can be told another address of.
///
/// The worker then gives the agent an address inside its sandbox, in `baseURLVariable`, and a word
/// without worth in place of the credential; what the agent sends there goes on to the real service
/// with the credential, which the agent never has.
package struct ModelEndpoint: Codable, Equatable, Sendable {
  /// The variable that holds the credential; nil if the service takes none.
  package var variable: String?
  /// The header that carries it, in lowercase.
  package var header: String?
  /// What stands before it in the header, as in `Bearer`; empty for nothing.
  package var scheme: String
  /// The variable by which the agent is told the address. If the operator set it, that is where the
  /// worker goes, also on this machine.
  package var baseURLVariable: String
  /// Where it is if nobody says otherwise, as in `https://api.anthropic.com`; nil: only where the
  /// operator set `baseURLVariable`.
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
  /// More endpoints than an agent has providers.
  private static let endpointsMax = 12

  /// The `model-keys` of an agent.
  mutating func modelEndpoints(_ node: Node, _ name: String) -> [ModelEndpoint] {
    guard case .sequence(let items) = node else {
      note(
        node.place, "\(name) is not a list",
        "write a line for each, as in - {variable: NAME_API_KEY, header: x-api-key, "
          + "base-url-variable: NAME_BASE_URL, host: https://api.example.com}")
      return []
    }
    if items.count > Self.endpointsMax {
      note(node.place, "\(name) has more than \(Self.endpointsMax) items", "write fewer")
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
        note(node.place, fault.message, fault.instead)
      }
    }
    var header: (name: String, scheme: String)?
    if let node = fields.values["header"] { header = self.header(node, fields.name("header")) }
    if (variable == nil) != (header == nil) {
      note(
        node.place, "\(name) has one of variable and header",
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
        node.place, "\(name) is \"\(text)\"",
        "write a header's name, as in x-api-key, or with what stands before the key, "
          + "as in \"authorization: Bearer\"")
      return nil
    }
    return (first.lowercased(), parts.count > 1 ? parts[1] : "")
  }

  /// Letters, digits, - and _ alone.
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
        node.place, "\(name) is \"\(text)\"",
        "write https:// and a host, as in https://api.anthropic.com")
      return nil
    }
    return text
  }
}
