import Domain
import Text

/// What the traces of one program have in common: its name, its version, and further attributes.
package struct TelemetryResource: Equatable, Sendable {
  package static let standardName = "aipm"

  package var serviceName: String
  package var version: String
  /// By name, as the operator gave them.
  package var attributes: [String: String]

  package init(
    serviceName: String = standardName, version: String, attributes: [String: String] = [:]
  ) {
    self.serviceName = serviceName
    self.version = version
    self.attributes = attributes
  }
}

extension DelegationTrace {
  /// An `ExportTraceServiceRequest` of OTLP with this trace, as JSON: ids are lower-case
  /// hexadecimal, integers of 64 bits are decimal strings, and enumerations are numbers.
  package func otlp(_ resource: TelemetryResource) -> JSONValue {
    var about: TraceAttributes = resource.attributes.mapValues { .text($0) }
    about["service.name"] = .text(resource.serviceName)
    about["service.version"] = .text(resource.version)
    let trace = Hex.encode(id)
    return .object([
      "resourceSpans": .array([
        .object([
          "resource": .object(["attributes": Self.json(about)]),
          "scopeSpans": .array([
            .object([
              "scope": .object([
                "name": .string(TelemetryResource.standardName),
                "version": .string(resource.version),
              ]),
              "spans": .array(spans.map { Self.json($0, trace: trace) }),
            ])
          ]),
        ])
      ])
    ])
  }

  private static func json(_ span: TraceSpan, trace: String) -> JSONValue {
    var object: [String: JSONValue] = [
      "traceId": .string(trace), "spanId": .string(Hex.encode(span.id)),
      "name": .string(span.name), "kind": .integer(span.kind.rawValue),
      "startTimeUnixNano": nanoseconds(span.start), "endTimeUnixNano": nanoseconds(span.end),
      "attributes": json(span.attributes),
    ]
    if let parent = span.parent { object["parentSpanId"] = .string(Hex.encode(parent)) }
    if !span.moments.isEmpty {
      object["events"] = .array(
        span.moments.map { moment in
          .object([
            "name": .string(moment.name), "timeUnixNano": nanoseconds(moment.time),
            "attributes": json(moment.attributes),
          ])
        })
    }
    switch span.status {
    case .unset: break
    case .good: object["status"] = .object(["code": .integer(1)])
    case .bad(let code):
      object["status"] = .object(["code": .integer(2), "message": .string(code)])
    }
    return .object(object)
  }

  /// A log that was written by hand may have a time before 1970 or far beyond it.
  private static func nanoseconds(_ time: Timestamp) -> JSONValue {
    let milliseconds = UInt64(max(0, time.milliseconds))
    let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    return .string(String(overflow ? UInt64.max : nanoseconds))
  }

  /// In the order of their names.
  private static func json(_ attributes: TraceAttributes) -> JSONValue {
    .array(
      attributes.sorted { $0.key < $1.key }.map { name, value in
        .object(["key": .string(name), "value": json(value)])
      })
  }

  private static func json(_ value: TraceValue) -> JSONValue {
    switch value {
    case .text(let text): .object(["stringValue": .string(text)])
    case .integer(let number): .object(["intValue": .string(String(number))])
    case .number(let number): .object(["doubleValue": .number(number)])
    case .flag(let flag): .object(["boolValue": .bool(flag)])
    }
  }
}
