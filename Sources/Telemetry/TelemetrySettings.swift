import Text

/// Where traces go, as OpenTelemetry's environment variables say
/// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). An empty variable counts as
/// absent, and a variable for traces goes before the general one.
package struct TelemetrySettings: Sendable {
  /// An invalid variable, with a remedy. The text has no value that may be a secret.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// Where a trace is posted.
  package var endpoint: WebURL
  /// Sent with each request.
  package var headers: [(name: String, value: String)] = []
  package var timeout: Duration = .seconds(10)
  /// A PEM file of trusted authorities for this endpoint.
  package var authoritiesFile: String?

  /// Variables whose values are secrets.
  package static let secretVariables = [
    "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
  ]
  /// The other variables that are read.
  package static let plainVariables = [
    "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES",
  ]

  /// - Parameter variable: the value of an environment variable.
  /// - Returns: nil if nothing is to be exported.
  package static func read(
    _ variable: (String) -> String?
  ) throws(Fault) -> TelemetrySettings? {
    func value(_ name: String) -> String? {
      variable(name).map(\.trimmed).flatMap { $0.isEmpty ? nil : $0 }
    }
    func own(_ name: String) -> (name: String, value: String)? {
      for variable in ["OTEL_EXPORTER_OTLP_TRACES_\(name)", "OTEL_EXPORTER_OTLP_\(name)"] {
        if let value = value(variable) { return (variable, value) }
      }
      return nil
    }
    if value("OTEL_SDK_DISABLED")?.lowercased() == "true" { return nil }
    if value("OTEL_TRACES_EXPORTER") == "none" { return nil }
    guard let given = own("ENDPOINT") else { return nil }
    let isOwn = given.name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    // The general address is the base of those of traces, metrics and logs.
    let base = isOwn || !given.value.hasSuffix("/") ? given.value : String(given.value.dropLast())
    guard let endpoint = WebURL(isOwn ? base : base + "/v1/traces") else {
      throw Fault(
        description: "\(given.name) is not an address that can be used: write one such as "
          + "http://127.0.0.1:4318, without user and password")
    }
    if let (name, value) = own("PROTOCOL"), value == "grpc" {
      throw Fault(
        description: "\(name) is grpc, and AIPM sends JSON over HTTP: write http/json, and the "
          + "collector's port for HTTP, usually 4318, in \(given.name)")
    }
    var settings = TelemetrySettings(endpoint: endpoint)
    if let (name, value) = own("TIMEOUT") {
      guard let milliseconds = Int(value), (1...3_600_000).contains(milliseconds) else {
        throw Fault(description: "\(name) is \(value): write milliseconds from 1 to 3600000")
      }
      settings.timeout = .milliseconds(milliseconds)
    }
    if let (name, value) = own("HEADERS") {
      settings.headers = try headers(value, in: name)
    }
    settings.authoritiesFile = own("CERTIFICATE")?.value
    return settings
  }

  /// The credentials in the headers. Other values, such as the name of a tenant, are words that a
  /// text may contain.
  package var secrets: [String] {
    headers.filter { header in
      let name = header.name.lowercased()
      return ["authorization", "key", "token", "secret", "password", "team"].contains {
        name.hasSuffix($0)
      }
    }.map { header in
      // The scheme of an `Authorization` is no part of the credential.
      header.value.split(separator: " ").last.map { String($0) } ?? header.value
    }
  }

  private static func headers(
    _ text: String, in variable: String
  ) throws(Fault) -> [(name: String, value: String)] {
    guard let pairs = pairs(text),
      pairs.allSatisfy({ name, value in
        name.utf8.allSatisfy(isTokenByte) && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
      })
    else {
      throw Fault(
        description: "\(variable) has another form than NAME=VALUE,NAME=VALUE with the values "
          + "percent-encoded")
    }
    return pairs
  }

  /// The common attributes: `OTEL_RESOURCE_ATTRIBUTES`, and `OTEL_SERVICE_NAME` before its
  /// `service.name`.
  package static func resource(
    version: String, _ variable: (String) -> String?
  ) throws(Fault) -> TelemetryResource {
    var resource = TelemetryResource(version: version)
    if let text = variable("OTEL_RESOURCE_ATTRIBUTES"), !text.trimmed.isEmpty {
      guard let pairs = pairs(text) else {
        throw Fault(
          description: "OTEL_RESOURCE_ATTRIBUTES has another form than NAME=VALUE,NAME=VALUE with "
            + "the values percent-encoded")
      }
      resource.attributes = Dictionary(pairs.map { ($0.name, $0.value) }) { _, last in last }
      if let name = resource.attributes.removeValue(forKey: "service.name"), !name.isEmpty {
        resource.serviceName = name
      }
    }
    if let name = variable("OTEL_SERVICE_NAME")?.trimmed, !name.isEmpty {
      resource.serviceName = name
    }
    return resource
  }

  /// Reads pairs as in W3C Baggage (https://www.w3.org/TR/baggage/); nil if one is invalid.
  private static func pairs(_ text: String) -> [(name: String, value: String)]? {
    var pairs: [(name: String, value: String)] = []
    for part in text.split(separator: ",") where !part.allSatisfy(\.isWhitespace) {
      guard let equals = part.firstIndex(of: "=") else { return nil }
      let name = part[..<equals].trimmed
      guard !name.isEmpty, let name = Percent.decode(name),
        let value = Percent.decode(part[part.index(after: equals)...].trimmed)
      else { return nil }
      pairs.append((name, value))
    }
    return pairs
  }

  /// The characters of a token (RFC 9110, 5.6.2).
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    case _: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
