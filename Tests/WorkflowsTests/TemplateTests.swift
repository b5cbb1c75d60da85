import Domain
import Testing
import Workflows

/// Templates are Mustache without its unsupported parts.
struct TemplateTests {
  static func faults(_ template: String) -> [WorkflowFault] {
    let block = template.split(separator: "\n", omittingEmptySubsequences: false)
      .map { "    \($0)" }.joined(separator: "\n")
    return DefinitionTests.faults(
      """
      name: tiny
      agent-preference: [demo]
      templates:
        prompt: p
        commit-message: c
        pull-request-body: b
        task-file: |
      \(block)

      """)
  }

  static let cases: [(template: String, line: Int, column: Int, says: String)] = [
    ("{{nothing}}", 8, 5, "no variable \"nothing\""),
    ("a {{ objectiv }}", 8, 7, "did you mean \"objective\""),
    ("\n\n  {{#objective}}", 10, 7, "never closed"),
    ("{{/objective}}", 8, 5, "not open"),
    ("{{#objective}}{{/title}}", 8, 19, "still open"),
    ("{{objective", 8, 5, "never closed"),
    ("{{{objective}}", 8, 5, "never closed"),
    ("{{> other}}", 8, 5, "unsupported kind"),
    ("{{=<% %>=}}", 8, 5, "unsupported kind"),
    ("{{% CONTENT_TYPE: HTML}}", 8, 5, "unsupported kind"),
    ("{{acceptanceCriteria}}", 8, 5, "has the parts"),
    ("{{#acceptanceCriteria}}{{items}}{{/acceptanceCriteria}}", 8, 28, "is a list"),
    ("{{items}}", 8, 5, "no variable \"items\""),
    ("{{.}}", 8, 5, "no variable \".\""),
    ("{{requester}}", 8, 5, "no variable \"requester\""),
    ("{{lowercased(title)}}", 8, 5, "no variable"),
    ("{{}}", 8, 5, "no variable"),
  ]

  @Test(arguments: cases.indices)
  func faultsAreFoundAtTheirPlace(index: Int) throws {
    let example = Self.cases[index]
    let faults = Self.faults(example.template)
    let text = faults.map(\.description).joined(separator: "\n")
    let fault = try #require(faults.first)
    #expect(faults.count == 1, "\(text)")
    #expect("\(fault.line):\(fault.column)" == "\(example.line):\(example.column)", "\(text)")
    #expect(fault.description.contains(example.says), "\(text)")
  }

  @Test(arguments: [
    "plain { braces } and }}", "{{! a comment {{ }}", "{{& title}} {{{title}}}",
    "{{^constraints}}none{{/constraints}}",
    "{{#acceptanceCriteria}}{{title}}{{#items}}{{.}}{{id}}{{/items}}{{/acceptanceCriteria}}",
  ])
  func goodTemplatesPass(template: String) {
    #expect(Self.faults(template) == [])
  }
}
