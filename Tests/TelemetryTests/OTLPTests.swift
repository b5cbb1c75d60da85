import Domain
import Telemetry
import Testing
import Text

struct OTLPTests {
  private func settings(_ variables: [String: String]) throws -> TelemetrySettings? {
    try TelemetrySettings.read { variables[$0] }
  }

  @Test func theEndpointIsThatOfTraces() throws {
    let general = "OTEL_EXPORTER_OTLP_ENDPOINT"
    let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    #expect(try settings([:]) == nil)
    #expect(try settings([general: ""]) == nil)
    for (base, whole) in [
      ("http://c:4318", "http://c:4318/v1/traces"), ("http://c:4318/", "http://c:4318/v1/traces"),
      ("https://c/otel", "https://c/otel/v1/traces"),
    ] {
      #expect(try settings([general: base])?.endpoint.description == whole)
      #expect(try settings([own: base])?.endpoint.description == base)
    }
    #expect(
      try settings([general: "http://a", own: "http://b/x"])?.endpoint.description == "http://b/x")
    #expect(try settings([general: "http://a", "OTEL_SDK_DISABLED": "TRUE"]) == nil)
    #expect(try settings([general: "http://a", "OTEL_SDK_DISABLED": "yes"]) != nil)
    #expect(try settings([general: "http://a", "OTEL_TRACES_EXPORTER": "none"]) == nil)
  }

  @Test func headersAndTheTimeOutAreRead() throws {
    let read = try #require(
      try settings([
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%3Db%2Cc, x-tenant = t1 ,",
      ]))
    #expect(read.headers.map(\.name) == ["api-key", "x-tenant"])
    #expect(read.headers.map(\.value) == ["a=b,c", "t1"])
    // The name of a tenant is a word that a text may contain.
    #expect(read.secrets == ["a=b,c"])
    #expect(read.timeout == .milliseconds(2500))
    let own = try #require(
      try settings([
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2",
      ]))
    #expect(own.headers.map(\.name) == ["b"])
  }

  @Test(arguments: [
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:hush-hush@a"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_HEADERS": "hush-hush"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_HEADERS": "a=hush-hush%0d%0a"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_HEADERS": "a b=hush-hush"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_HEADERS": "a=hush-hush%zz"],
  ])
  func invalidVariablesAreNamedWithoutTheirSecrets(_ variables: [String: String]) {
    let fault = #expect(throws: TelemetrySettings.Fault.self) { try settings(variables) }
    #expect(fault?.description.contains("OTEL_EXPORTER_OTLP_") == true)
    #expect(fault?.description.contains("hush") == false)
  }

  @Test func theResourceHasItsName() throws {
    func resource(_ variables: [String: String]) throws -> TelemetryResource {
      try TelemetrySettings.resource(version: "1") { variables[$0] }
    }
    #expect(try resource([:]) == TelemetryResource(version: "1"))
    let text = "service.name=a,deployment.environment.name=prod%20eu"
    #expect(
      try resource(["OTEL_RESOURCE_ATTRIBUTES": text])
        == TelemetryResource(
          serviceName: "a", version: "1",
          attributes: ["deployment.environment.name": "prod eu"]))
    #expect(
      try resource(["OTEL_RESOURCE_ATTRIBUTES": text, "OTEL_SERVICE_NAME": "b"]).serviceName == "b")
    #expect(throws: TelemetrySettings.Fault.self) {
      try resource(["OTEL_RESOURCE_ATTRIBUTES": "a"])
    }
  }
}
