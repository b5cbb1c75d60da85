import Domain

/// A call to the forge. One call has one answer, whatever the number of requests behind it.
package enum ForgeCall: Equatable, Sendable {
  /// Replies `.repository`.
  case repository(RepositoryName)
  /// Reads the head of a branch, or of the default branch if `branch` is nil. Replies `.head`, nil
  /// if the named branch does not exist.
  case branchHead(RepositoryName, branch: String?)
  /// Reads the blob of a file at a branch, at a commit, or on the default branch. Replies `.blob`,
  /// nil if there is no such file.
  case fileBlob(RepositoryName, path: String, ref: String?)
  /// Lists a folder, by its tree or by the commit whose root it is. Replies `.tree`.
  case tree(RepositoryName, ObjectID)
  /// Replies `.created`. Faults: `exists`, `possibleNameClash`.
  case createBranch(RepositoryName, branch: String, sha: ObjectID)
  /// Reads the head of a branch. Replies `.head`, nil if the branch does not exist.
  case branch(RepositoryName, branch: String)
  /// Commits one file. Replies `.committed`. Faults: `conflict` or `exists` if the file is not the
  /// one to be replaced.
  case putFile(RepositoryName, FileCommit)
  /// Lists the commits of `head` that are not in `base`, oldest first. Replies `.commits`.
  case compare(RepositoryName, base: ObjectID, head: String)
  /// Replies `.pullRequest`. Faults: `exists`, `notYetVisible`, `draftsUnsupported`.
  case openPullRequest(RepositoryName, NewPullRequest)
  /// Lists the open and closed pull requests of a branch. Replies `.pullRequests`.
  case pullRequests(RepositoryName, headBranch: String)
  /// Replies `.pullRequest`.
  case pullRequest(RepositoryName, number: Int)
  /// Lists the comments on a pull request, the oldest first. Replies `.comments`.
  case comments(RepositoryName, number: Int)
  /// Replies `.created`.
  case comment(RepositoryName, number: Int, body: String)
  /// Deletes a comment on a pull request, or one on its change. One that is gone already is no
  /// fault. Replies `.deleted`.
  /// - Parameter id: of the source `comment` or `reviewComment`.
  case deleteComment(RepositoryName, id: FeedbackID)
  /// Asks under which account the credential writes. Replies `.account`. Faults: `forbidden` if
  /// the forge does not tell it.
  case account
  /// Asks whether a user of the forge may push to the repository. Replies `.mayPush`; a user who
  /// does not exist may not.
  case mayPush(RepositoryName, user: String)
  /// Adds labels. Labels that are there already change nothing. Replies `.created`.
  case addLabels(RepositoryName, number: Int, labels: [String])
  /// Requests reviews. Repeating a request changes nothing. Replies `.created`.
  case requestReviewers(RepositoryName, number: Int, users: [String], teams: [String])
  /// Lists what was said on a pull request: the bodies of submitted reviews, the comments on lines
  /// and files, and the comments on the pull request, each with its words. Within its source the
  /// oldest is first. A review that was not submitted, or that was dismissed, is left out. So are
  /// the comments of a review that was not submitted. Replies `.feedback`.
  case feedback(RepositoryName, number: Int)
  /// Lists the comments on lines and files alone, as `feedback` does. Replies `.feedback`.
  case reviewComments(RepositoryName, number: Int)
  /// Answers in a thread of comments on the change. Replies `.created`. Faults: `notFound` if the
  /// thread or its first comment is gone.
  /// - Parameter thread: as in `Feedback.thread`.
  case reply(RepositoryName, number: Int, thread: Int64, body: String)
  /// Lists the open pull requests, last updated first. Replies `.openPullRequests`, or `.unchanged`
  /// if the list is as it was.
  /// - Parameter since: of the last list; nil for the first.
  case openPullRequests(RepositoryName, since: ForgeValidator?)
  /// Lists the checks of a commit, of each name the latest. Replies `.checks`, or `.unchanged` if
  /// they are as they were. A forge that keeps them in two lists may look at one of them in turn if
  /// there is a validator, so a change is seen at the second call at the latest.
  /// - Parameter since: of the last list; nil for the first.
  case checks(RepositoryName, commit: ObjectID, since: ForgeValidator?)
  /// Reads why a check failed: its annotations, and the end of its job's log. If there is no log,
  /// or the credential may not read it, the rest is the reply. Replies `.checkReport`.
  case checkReport(RepositoryName, ForgeCheck)
  /// Reads the head of a branch again and again. Replies `.changedHead`, or `.unchanged` if it is
  /// as it was. Faults: `notFound` if the branch does not exist.
  /// - Parameter since: of the last reply; nil for the first.
  case changedHead(RepositoryName, branch: String, since: ForgeValidator?)
  /// Reads a pull request again and again. Replies `.changedPullRequest`, or `.unchanged` if it is
  /// as it was.
  /// - Parameter since: of the last reply; nil for the first.
  case changedPullRequest(RepositoryName, number: Int, since: ForgeValidator?)
  /// Reads an issue. Replies `.issue`.
  case issue(IssueName)
  /// Lists repositories that the credential may push to, without archived ones. Replies
  /// `.repositories`.
  case repositories
}

/// A commit of one file on the head of a branch.
package struct FileCommit: Equatable, Sendable {
  package var path: String
  package var branch: String
  package var content: String
  package var message: String
  /// The blob that the commit replaces; nil for a new file.
  package var replaces: ObjectID?
  /// The date of author and committer. It is fixed, so that repeating the commit gives the same
  /// SHA.
  package var date: Timestamp

  package init(
    path: String, branch: String, content: String, message: String, replaces: ObjectID?,
    date: Timestamp
  ) {
    self.path = path
    self.branch = branch
    self.content = content
    self.message = message
    self.replaces = replaces
    self.date = date
  }
}

/// A pull request to be opened.
package struct NewPullRequest: Equatable, Sendable {
  package var title: String
  package var head: String
  package var base: String
  package var body: String
  package var draft: Bool

  package init(title: String, head: String, base: String, body: String, draft: Bool) {
    self.title = title
    self.head = head
    self.base = base
    self.body = body
    self.draft = draft
  }
}
