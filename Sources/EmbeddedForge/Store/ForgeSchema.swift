// The schema of `forge.db`. A step that was released is never changed: a change is one more step,
// which the next start applies to older files.

enum ForgeSchema {
  static let steps = [repositories, conversation, issues]

  /// Repositories, pull requests, their comments, labels and requested reviewers.
  private static let repositories = """
    CREATE TABLE users(
      id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE COLLATE NOCASE) STRICT;
    CREATE TABLE repositories(
      id INTEGER PRIMARY KEY AUTOINCREMENT, folder TEXT NOT NULL,
      owner TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE, description TEXT,
      private INTEGER NOT NULL, archived INTEGER NOT NULL, disabled INTEGER NOT NULL,
      drafts INTEGER NOT NULL, writable INTEGER NOT NULL, protected TEXT NOT NULL,
      next_number INTEGER NOT NULL DEFAULT 1,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, pushed_at INTEGER NOT NULL,
      UNIQUE(owner, name)) STRICT;
    CREATE TABLE pull_requests(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      number INTEGER NOT NULL, title TEXT NOT NULL, body TEXT, open INTEGER NOT NULL,
      draft INTEGER NOT NULL, head_branch TEXT NOT NULL, head_sha TEXT NOT NULL,
      base_branch TEXT NOT NULL, base_sha TEXT NOT NULL, author TEXT NOT NULL,
      merged_at INTEGER, merged_by TEXT, merge_commit TEXT, closed_at INTEGER,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
      UNIQUE(repository, number)) STRICT;
    CREATE INDEX pull_requests_by_head ON pull_requests(repository, head_branch);
    CREATE UNIQUE INDEX pull_requests_open ON pull_requests(repository, head_branch, base_branch)
      WHERE open;
    CREATE TABLE comments(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      number INTEGER NOT NULL, body TEXT NOT NULL, author TEXT NOT NULL,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;
    CREATE INDEX comments_by_number ON comments(repository, number);
    CREATE TABLE labels(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      name TEXT NOT NULL COLLATE NOCASE, color TEXT NOT NULL, description TEXT,
      UNIQUE(repository, name)) STRICT;
    CREATE TABLE pull_request_labels(
      pull_request INTEGER NOT NULL REFERENCES pull_requests ON DELETE CASCADE,
      label INTEGER NOT NULL REFERENCES labels ON DELETE CASCADE,
      PRIMARY KEY(pull_request, label)) STRICT;
    CREATE TABLE reviewers(
      pull_request INTEGER NOT NULL REFERENCES pull_requests ON DELETE CASCADE,
      login TEXT NOT NULL COLLATE NOCASE, PRIMARY KEY(pull_request, login)) STRICT;
    """

  /// Issues, which share their numbers with the pull requests of their repository.
  private static let issues = """
    CREATE TABLE issues(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      number INTEGER NOT NULL, title TEXT NOT NULL, body TEXT, open INTEGER NOT NULL,
      author TEXT NOT NULL, closed_at INTEGER,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
      UNIQUE(repository, number)) STRICT;
    """

  /// Reviews, checks, collaborators and webhooks. Times are seconds since 1970; those of deliveries
  /// are milliseconds.
  private static let conversation = """
    CREATE TABLE reviews(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      pull_request INTEGER NOT NULL REFERENCES pull_requests ON DELETE CASCADE,
      author TEXT NOT NULL COLLATE NOCASE, state TEXT NOT NULL, body TEXT NOT NULL,
      commit_sha TEXT NOT NULL, created_at INTEGER NOT NULL, submitted_at INTEGER) STRICT;
    CREATE INDEX reviews_by_pull_request ON reviews(pull_request);
    CREATE UNIQUE INDEX reviews_pending ON reviews(pull_request, author) WHERE state='PENDING';
    CREATE TABLE review_comments(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      pull_request INTEGER NOT NULL REFERENCES pull_requests ON DELETE CASCADE,
      review INTEGER NOT NULL REFERENCES reviews ON DELETE CASCADE,
      author TEXT NOT NULL COLLATE NOCASE, body TEXT NOT NULL, path TEXT NOT NULL,
      base_path TEXT NOT NULL, side TEXT NOT NULL, start_side TEXT, line INTEGER,
      start_line INTEGER, position INTEGER, commit_sha TEXT NOT NULL, base_sha TEXT NOT NULL,
      diff_hunk TEXT NOT NULL, in_reply_to INTEGER, created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL) STRICT;
    CREATE INDEX review_comments_by_pull_request ON review_comments(pull_request);
    CREATE INDEX review_comments_by_review ON review_comments(review);
    CREATE TABLE check_runs(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      name TEXT NOT NULL, head_sha TEXT NOT NULL, external_id TEXT NOT NULL, details_url TEXT,
      status TEXT NOT NULL, conclusion TEXT, started_at INTEGER, completed_at INTEGER,
      title TEXT, summary TEXT, text TEXT, creator TEXT NOT NULL COLLATE NOCASE) STRICT;
    CREATE INDEX check_runs_by_commit ON check_runs(repository, head_sha);
    CREATE TABLE check_annotations(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      check_run INTEGER NOT NULL REFERENCES check_runs ON DELETE CASCADE,
      path TEXT NOT NULL, start_line INTEGER NOT NULL, end_line INTEGER NOT NULL,
      start_column INTEGER, end_column INTEGER, level TEXT NOT NULL, title TEXT,
      message TEXT NOT NULL, raw_details TEXT) STRICT;
    CREATE INDEX check_annotations_by_run ON check_annotations(check_run);
    CREATE TABLE job_logs(
      check_run INTEGER PRIMARY KEY REFERENCES check_runs ON DELETE CASCADE,
      content BLOB NOT NULL) STRICT;
    CREATE TABLE statuses(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      sha TEXT NOT NULL, state TEXT NOT NULL, target_url TEXT, description TEXT,
      context TEXT NOT NULL, creator TEXT NOT NULL COLLATE NOCASE,
      created_at INTEGER NOT NULL) STRICT;
    CREATE INDEX statuses_by_commit ON statuses(repository, sha);
    CREATE TABLE collaborators(
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      login TEXT NOT NULL COLLATE NOCASE, permission TEXT NOT NULL,
      PRIMARY KEY(repository, login)) STRICT;
    CREATE TABLE hooks(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      url TEXT NOT NULL, content_type TEXT NOT NULL, secret TEXT, events TEXT NOT NULL,
      active INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
      last_code INTEGER, last_status TEXT NOT NULL DEFAULT 'unused', last_message TEXT) STRICT;
    CREATE INDEX hooks_by_repository ON hooks(repository);
    CREATE TABLE hook_deliveries(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      hook INTEGER NOT NULL REFERENCES hooks ON DELETE CASCADE,
      guid TEXT NOT NULL, event TEXT NOT NULL, action TEXT, redelivery INTEGER NOT NULL,
      delivered_at INTEGER NOT NULL, duration INTEGER NOT NULL, code INTEGER NOT NULL,
      status TEXT NOT NULL, request_headers TEXT NOT NULL, payload BLOB NOT NULL,
      response_headers TEXT NOT NULL, response TEXT NOT NULL) STRICT;
    CREATE INDEX hook_deliveries_by_hook ON hook_deliveries(hook);
    """
}
