import Domain
import Terminal
import Text

/// A text that names an issue and says nothing else: the issue's words take its place.
struct IssueText {
  let repository: RepositoryName
  /// `OWNER/REPO#12`.
  let name: String
  let title: String
  let words: String

  /// Whether a text is an issue's address or `OWNER/REPO#12`.
  static func isName(_ text: String) -> Bool {
    guard !text.isEmpty, !text.contains(where: \.isWhitespace) else { return false }
    let isAddress = text.hasPrefix("https://") || text.hasPrefix("http://")
    return isAddress ? text.contains("/issues/") : IssueName(text) != nil
  }

  /// Reads the issue through the server.
  /// - Returns: nil if the text is not the name of an issue.
  /// - Throws: `Failure`, also if the forge does not show the issue.
  static func read(_ text: String?, _ api: ServerAPI) async throws -> IssueText? {
    guard let text, isName(text) else { return nil }
    let found = try await api.get("/api/issues", query: [("address", text)])
    guard let repository = found["repository"].stringValue.flatMap({ RepositoryName($0) }),
      let number = found["number"].integerValue
    else { throw Failure("the server did not say which issue \(text.safe()) is") }
    return IssueText(
      repository: repository, name: "\(repository)#\(number)",
      title: found["title"].stringValue ?? "", words: found["objective"].stringValue ?? "")
  }
}
