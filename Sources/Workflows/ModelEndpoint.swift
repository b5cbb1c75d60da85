// A model's service and its credential, as data of a profile, so that the credential can stay
// outside the sandbox.

import NetworkRules

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
  package var scheme = ""
  /// The variable with the agent's address. If the operator set it, its value is the upstream,
  /// which may be on this machine.
  package var baseURLVariable: String
  /// The default upstream, such as `https://api.anthropic.com`; nil if the operator must set
  /// `baseURLVariable`.
  package var upstream: String?
}

extension DefinitionReader {
  /// More than any agent has providers.
  private static let endpointsMax = 12

  /// Reads an agent's `model-keys`.
  mutating func modelEndpoints(_ field: Field?) -> [ModelEndpoint] {
    guard let field else { return [] }
    guard let items = items(field) else {
      note(
        field, "is not a list",
        "write a line for each, as in - {variable: NAME_API_KEY, header: x-api-key, "
          + "base-url-variable: NAME_BASE_URL, host: https://api.example.com}")
      return []
    }
    if items.count > Self.endpointsMax {
      note(field, "has more than \(Self.endpointsMax) items", "write fewer")
      return []
    }
    return items.compactMap { modelEndpoint($0) }
  }

  private mutating func modelEndpoint(_ field: Field) -> ModelEndpoint? {
    let keys = ["variable", "header", "base-url-variable", "host"]
    guard let fields = fields(field, keys: keys),
      let base = text(required(fields, "base-url-variable"))
    else { return nil }
    let variable = text(fields["variable"])
    for variable in [base] + (variable.map { [$0] } ?? []) {
      if let fault = AgentProfile.environmentFault(variable) {
        note(field.position, fault.message, fault.instead)
      }
    }
    let header = header(fields["header"])
    if (variable == nil) != (header == nil) {
      note(
        field, "has one of variable and header",
        "write both: the variable that holds the key, and the header that carries it")
    }
    return ModelEndpoint(
      variable: variable, header: header?.name, scheme: header?.scheme ?? "",
      baseURLVariable: base, upstream: upstream(fields["host"]))
  }

  /// `x-api-key`, or `authorization: Bearer`.
  private mutating func header(_ field: Field?) -> (name: String, scheme: String)? {
    guard let field, let text = text(field) else { return nil }
    let parts = text.split(separator: ":", maxSplits: 1).map { $0.filter { $0 != " " } }
    guard let first = parts.first, parts.allSatisfy(Self.isToken) else {
      return invalid(
        field, "is \"\(text)\"",
        "write a header's name, as in x-api-key, or with a prefix of the key, "
          + "as in \"authorization: Bearer\"")
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

  private mutating func upstream(_ field: Field?) -> String? {
    guard let field, let text = text(field) else { return nil }
    let prefix = "https://"
    let rest = text.utf8.starts(with: prefix.utf8) ? text.dropFirst(prefix.count) : ""
    let host = rest.prefix { $0 != "/" }
    guard !host.isEmpty, (try? HostRule(parsing: String(host))) != nil else {
      return invalid(
        field, "is \"\(text)\"", "write https:// and a host, as in https://api.anthropic.com")
    }
    return text
  }
}
