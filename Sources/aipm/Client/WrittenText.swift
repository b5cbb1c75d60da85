import ArgumentParser
import Terminal
import Text

/// Where a text comes from that a user writes: an argument, a file, standard input, or an editor.
struct WrittenText {
  /// More than the server takes of any text.
  static let bytesMax = 200_000

  let text: String
  /// The editor in which it was written; its file is kept until the text is on the server.
  let editor: Editor?

  /// - Parameters:
  ///   - argument: the text as an argument.
  ///   - file: the file's name; `-` is standard input.
  ///   - notes: lines for the user of an editor; nil if no editor is opened.
  /// - Returns: nil if there is no text at all.
  /// - Throws: `Failure` if two sources are named, or one cannot be read, or the text is empty.
  static func read(
    argument: String?, file: String?, notes: () async throws -> [String]?
  ) async throws -> WrittenText? {
    if let file {
      guard argument == nil else {
        throw Failure("write the text or name its file, not both", code: .usage)
      }
      if file == "-" {
        return WrittenText(text: try StandardInput.text(max: bytesMax), editor: nil)
      }
      do throws(TextFile.Fault) {
        return WrittenText(text: try TextFile.read(file), editor: nil)
      } catch {
        throw Failure(error.description.safe(), code: .usage)
      }
    }
    if let argument { return WrittenText(text: argument, editor: nil) }
    guard Editor.isPossible, let notes = try await notes() else { return nil }
    let editor = try Editor(notes: notes)
    let text = try editor.text
    guard !text.isEmpty else {
      editor.remove()
      throw Failure("the text is empty: nothing was submitted")
    }
    return WrittenText(text: text, editor: editor)
  }

  /// Sends the text. If that fails, the text of an editor is kept, and the message names its file.
  static func sending<Value>(
    _ written: WrittenText?, _ body: nonisolated(nonsending) () async throws -> Value
  ) async throws -> Value {
    do {
      let value = try await body()
      written?.editor?.remove()
      return value
    } catch let failure as Failure {
      guard let editor = written?.editor else { throw failure }
      throw Failure(
        "\(failure.description)\nYour text is kept: -F \(editor.path)", code: failure.code)
    }
  }
}
