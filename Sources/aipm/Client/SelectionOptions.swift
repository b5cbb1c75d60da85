import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Processes
import Terminal
import Text

/// How a subcommand prints what the server answered: for people, as JSON, or as a part of the JSON.
struct SelectionOptions: ParsableArguments {
  @Flag(help: "Print JSON, as the API has it.")
  var json = false
  @Option(
    help: ArgumentHelp(
      "Print these fields alone, as JSON: id,state; also --json=FIELDS.", valueName: "fields"))
  var fields: String?
  @Option(
    help: ArgumentHelp(
      "Print what this expression of jq makes of the JSON; jq must be installed.",
      valueName: "expression"))
  var jq: String?

  /// How long jq may take.
  private static let jqLimit = Duration.seconds(60)
  /// The exit code of jq for an invalid expression (jq(1)).
  private static let jqInvalid: Int32 = 3

  func validate() throws {
    if fields != nil, names.isEmpty {
      throw ValidationError("--fields is empty: write names such as id,state")
    }
    if jq != nil, (try? jqCommand([]).resolved()) == nil {
      throw ValidationError("--jq needs the program jq, which is not installed")
    }
  }

  /// Whether programs read the output.
  var isJSON: Bool { json || fields != nil || jq != nil }

  private var names: [String] {
    (fields ?? "").split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }
  }

  /// Prints an answer as JSON, in one line with its keys sorted.
  /// - Throws: `Failure` if a field or the expression is invalid.
  func print(_ answer: JSONValue) async throws {
    let selected = fields == nil ? answer : try answer.selecting(names)
    guard jq != nil else { return selected.printLine() }
    let result: ProcessResult
    do throws(ProcessFault) {
      result = try await jqCommand(selected.canonical).run()
    } catch { throw Failure("jq: \(error)") }
    // jq ends each result with a line end.
    Terminal.put(result.outputText.safe(keepsLines: true))
    guard result.succeeded else {
      let isInvalid = result.exitCode == Self.jqInvalid
      throw Failure(
        result.errorText.trimmedEnd.safe(keepsLines: true), code: isInvalid ? .usage : .failed)
    }
  }

  /// Texts are printed without quotes, as `gh --jq` does.
  private func jqCommand(_ input: [UInt8]) -> Command {
    // A space before it: an expression may begin with a dash.
    Command(
      "jq", ["--compact-output", "--raw-output", " " + (jq ?? ".")], input: .bytes(input),
      timeout: Self.jqLimit, outputLimit: 256 << 20)
  }
}

extension JSONValue {
  /// The given fields of an object, or of each item of a list. A field within another one is
  /// written as `pullRequest.number`. A field that is absent is null.
  /// - Throws: `Failure` if no object has such a field.
  fileprivate func selecting(_ names: [String]) throws -> JSONValue {
    let items = self["items"].arrayValue
    let objects = items ?? [self]
    let known = Set(objects.flatMap { $0.objectValue.map { Array($0.keys) } ?? [] }).sorted()
    for name in names where !objects.isEmpty {
      let first = String(name.prefix { $0 != "." })
      if known.contains(first) { continue }
      let near = Spelling.nearest(to: first, in: known).map { "did you mean \($0)? " } ?? ""
      throw Failure(
        "there is no field \(first.safe()); \(near)Fields: \(known.joined(separator: ", ").safe())",
        code: .usage)
    }
    let selected = objects.map { object in
      JSONValue.object(
        Dictionary(
          names.map { name in
            (name, name.split(separator: ".").reduce(object) { $0[String($1)] })
          }, uniquingKeysWith: { first, _ in first }))
    }
    return items == nil ? selected[0] : .array(selected)
  }
}
