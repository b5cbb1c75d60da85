// A person's request for changes before validation.

/// A message and comments on lines, as received; absent fields are nil.
package struct AskedChanges: Equatable, Sendable {
  /// A comment on a file or a line of it.
  package struct Comment: Equatable, Sendable {
    package var path: String?
    package var line: Int?
    package var body: String?
    package init(path: String?, line: Int?, body: String?) {
      self.path = path
      self.line = line
      self.body = body
    }
  }

  package var message: String?
  package var comments: [Comment]
  package var agent: String?

  package init(message: String?, comments: [Comment], agent: String?) {
    self.message = message
    self.comments = comments
    self.agent = agent
  }

  /// The most comments of one request.
  package static let commentsMax = 100
  package static let lineMax = 10_000_000
}

extension AskedChanges {
  /// Checks every field.
  /// - Parameters:
  ///   - delegation: the follow-up that will answer.
  ///   - commit: the commit whose lines the comments name.
  ///   - author: who asks.
  ///   - mistyped: faults of fields that could not be read.
  /// - Returns: the feedback, the message first.
  package func validate(
    for delegation: DelegationID, on commit: ObjectID?, by author: String,
    mistyped: [FieldFault] = []
  ) throws(FieldFaults) -> [Feedback] {
    var check = FieldCheck(mistyped: mistyped)
    var all: [Feedback] = []
    func add(_ text: FeedbackText, line: Int?) {
      all.append(
        Feedback(
          id: FeedbackID(.ask, "\(delegation.rawValue)/\(all.count + 1)"), source: .ask,
          author: author, commit: text.path == nil ? nil : commit, line: line, text: text))
    }
    if message != nil || comments.isEmpty {
      let body = check.block(
        message, "message", max: FeedbackText.bodyMax, say: "what is to be changed, or add comments"
      )
      add(FeedbackText(body: body), line: nil)
    }
    if comments.count > Self.commentsMax {
      check.note("comments", "has \(comments.count) entries", "write at most \(Self.commentsMax)")
    }
    for (index, comment) in comments.enumerated() {
      let field = "comments[\(index)]"
      let body = check.block(
        comment.body, "\(field).body", max: FeedbackText.bodyMax, say: "what is to be changed there"
      )
      let path = check.line(
        comment.path, "\(field).path", max: FeedbackText.pathMax, say: "the file of the change")
      let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      let isOutside = parts.contains { ["", ".", ".."].contains(String(Substring($0))) }
      if !path.isEmpty, isOutside {
        check.note(
          "\(field).path", "is not a path within the repository",
          "write it from the repository's root with no / first, as in src/export.js")
      }
      if let line = comment.line, !(1...Self.lineMax).contains(line) {
        check.note("\(field).line", "is \(line)", "write the number of a line, from 1")
      }
      add(FeedbackText(body: body, path: path), line: comment.line)
    }
    _ = check.name(agent, "agent")
    guard check.faults.isEmpty else { throw FieldFaults(check.faults) }
    return all
  }
}
