// Webhooks in the form of GitHub's published examples (https://github.com/octokit/webhooks), with
// the members that matter here and some that do not.

enum WebhookExamples {
  static let sha = "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
  private static let rest =
    #""repository":{"id":186853002,"full_name":"octo/hello","private":false},"#
    + #""sender":{"login":"Codertocat","id":21031067,"type":"User","site_admin":false}"#
  private static let user = #"{"login":"Codertocat","id":21031067,"type":"User"}"#
  private static let pull =
    #""pull_request":{"url":"https://x/pulls/2","id":279147437,"number":2,"state":"open"}"#

  static func review(
    action: String = "submitted", state: String = "changes_requested",
    body: String = #""Please add a test.""#, user: String = user
  ) -> String {
    """
    {"action":"\(action)","review":{"id":237895671,"node_id":"MDE3","user":\(user),
    "body":\(body),"commit_id":"\(sha)","submitted_at":"2019-05-15T15:20:38Z","state":"\(state)",
    "html_url":"https://x","author_association":"OWNER","_links":{}},\(pull),\(rest)}
    """
  }

  static func reviewComment(
    action: String = "created", body: String = #""More emoji.""#, more: String = "",
    hunk: String = #"@@ -1 +1 @@\n-# Hello\n+# Bye"#
  ) -> String {
    """
    {"action":"\(action)","comment":{"url":"https://x","pull_request_review_id":237895671,
    "id":284312630,"node_id":"MDI0","diff_hunk":"\(hunk)","path":"README.md","position":1,
    "original_position":1,"commit_id":"0000000000000000000000000000000000000000",
    "original_commit_id":"\(sha)","user":\(user),"body":\(body),
    "created_at":"2019-05-15T15:20:37Z","updated_at":"2019-05-15T15:20:38Z",
    "start_line":null,"original_start_line":null,"start_side":null,\(more)
    "reactions":{"total_count":0,"+1":0}},\(pull),\(rest)}
    """
  }

  static let onLine = #""line":null,"original_line":7,"side":"RIGHT","subject_type":"line","#

  static func issueComment(
    action: String = "created", onPull: Bool = true, body: String = #""@aipm please""#,
    user: String = user
  ) -> String {
    let pull = onPull ? #""pull_request":{"url":"https://x","merged_at":null},"# : ""
    return """
      {"action":"\(action)","issue":{"id":444500041,"number":1,\(pull)"state":"open"},
      "comment":{"id":492700400,"user":\(user),"created_at":"2019-05-15T15:20:21Z",
      "author_association":"OWNER","body":\(body)},\(rest)}
      """
  }

  static func checkRun(
    action: String = "completed", status: String = "completed", conclusion: String = #""failure""#,
    pulls: String = #"[{"id":279147437,"number":2,"head":{"ref":"changes"}}]"#,
    summary: String = #""x.swift:3: no such name""#
  ) -> String {
    """
    {"action":"\(action)","check_run":{"id":128620228,"node_id":"MDg6","head_sha":"\(sha)",
    "external_id":"","status":"\(status)","conclusion":\(conclusion),
    "started_at":"2019-05-15T15:21:12Z","completed_at":"2019-05-15T15:22:12Z",
    "output":{"title":"1 error","summary":\(summary),"text":null,"annotations_count":1},
    "name":"lint","check_suite":{"id":118578147,"pull_requests":[]},
    "app":{"id":15368,"slug":"github-actions","owner":{"login":"github"}},
    "pull_requests":\(pulls)},\(rest)}
    """
  }

  static func status(state: String = "failure", description: String = #""2 tests failed""#)
    -> String
  {
    """
    {"id":6805126730,"sha":"\(sha)","name":"octo/hello","target_url":null,"context":"ci/tests",
    "description":\(description),"state":"\(state)","commit":{"sha":"\(sha)"},
    "branches":[{"name":"changes","commit":{"sha":"\(sha)"},"protected":false}],
    "created_at":"2019-05-15T17:20:55+02:00","updated_at":"2019-05-15T15:20:55+00:00",\(rest)}
    """
  }

  static func workflowRun(action: String = "completed", conclusion: String = "startup_failure")
    -> String
  {
    """
    {"action":"\(action)","workflow_run":{"id":289782451,"name":"CI",
    "path":".github/workflows/ci.yml","head_branch":"changes","head_sha":"\(sha)",
    "run_number":1,"event":"push","status":"completed","conclusion":"\(conclusion)",
    "pull_requests":[{"number":2}],"updated_at":"2019-05-15T15:22:12Z"},"workflow":null,\(rest)}
    """
  }
}
