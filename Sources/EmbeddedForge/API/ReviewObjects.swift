// Reviews and comments on lines as JSON.

import Text

extension PullRequestObjects {
  /// GitHub's "Pull Request Review".
  func review(_ review: ReviewRecord, number: Int) -> JSONValue {
    let page = urls.page(repository, "/pull/\(number)#pullrequestreview-\(review.id)")
    let pull = urls.api(repository, "/pulls/\(number)")
    let shown: JSONValue = [
      "id": JSONValue(review.id), "node_id": .string(NodeID.of("PRR", review.id)),
      "user": user(review.author), "body": .string(review.body),
      "state": .string(review.state.rawValue), "html_url": .string(page),
      "pull_request_url": .string(pull), "commit_id": .string(review.commit.hex),
      "author_association": .string(association(review.author)),
      "_links": ["html": ["href": .string(page)], "pull_request": ["href": .string(pull)]],
    ]
    // A pending review has no such member.
    guard let time = review.submittedAt else { return shown }
    return shown.with(["submitted_at": .time(time)])
  }

  /// GitHub's "Pull Request Review Comment".
  /// - Parameters:
  ///   - current: its place in the current diff; nil if it is outdated.
  ///   - head: the current head of the pull request.
  func reviewComment(
    _ comment: ReviewCommentRecord, _ current: CommentPlaces.Current?, head: ObjectName
  ) -> JSONValue {
    let place = comment.place
    let url = urls.api(repository, "/pulls/comments/\(comment.id)")
    let pull = urls.api(repository, "/pulls/\(comment.number)")
    let page = urls.page(repository, "/pull/\(comment.number)#discussion_r\(comment.id)")
    let commit = current == nil ? place.commit : head
    var shown: JSONValue = [
      "url": .string(url), "pull_request_review_id": JSONValue(comment.review),
      "id": JSONValue(comment.id), "node_id": .string(NodeID.of("PRRC", comment.id)),
      "diff_hunk": .string(place.hunk), "path": .string(place.path),
      "commit_id": .string(commit.hex), "original_commit_id": .string(place.commit.hex),
      "user": user(comment.author), "body": .string(comment.body),
      "created_at": .time(comment.createdAt), "updated_at": .time(comment.updatedAt),
      "html_url": .string(page), "pull_request_url": .string(pull),
      "author_association": .string(association(comment.author)),
      "_links": [
        "self": ["href": .string(url)], "html": ["href": .string(page)],
        "pull_request": ["href": .string(pull)],
      ],
      "reactions": reactions(of: url),
    ]
    shown = shown.with([
      "start_line": JSONValue(current?.startLine),
      "original_start_line": JSONValue(place.startLine),
      "start_side": JSONValue(place.startSide?.rawValue), "line": JSONValue(current?.line),
      "original_line": JSONValue(place.line), "side": .string(place.side.rawValue),
      // A comment on a whole file has position 1.
      "position": place.line == nil ? 1 : JSONValue(current?.position),
      "original_position": JSONValue(place.position ?? 1),
      "subject_type": place.line == nil ? "file" : "line",
    ])
    guard let first = comment.inReplyTo else { return shown }
    return shown.with(["in_reply_to_id": JSONValue(first)])
  }

  /// GitHub's "Reaction Rollup". The forge has no reactions.
  func reactions(of url: String) -> JSONValue {
    [
      "url": "\(url)/reactions", "total_count": 0, "+1": 0, "-1": 0, "laugh": 0, "hooray": 0,
      "confused": 0, "heart": 0, "rocket": 0, "eyes": 0,
    ]
  }
}
