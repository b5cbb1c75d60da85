// Repositories as JSON.

import Text

struct RepositoryObjects: Sendable {
  let urls: ForgeURLs

  /// The attributes of a repository that are not in its row.
  struct Facts: Sendable {
    var owner: UserRecord
    var defaultBranch: String
    var openPullRequests: Int
  }

  /// GitHub's "Full Repository".
  func full(_ repository: RepositoryRecord, _ facts: Facts) -> JSONValue {
    simple(repository, facts).with([
      "temp_clone_token": nil, "allow_squash_merge": true, "allow_merge_commit": true,
      "allow_rebase_merge": false, "allow_auto_merge": false, "delete_branch_on_merge": false,
      "allow_update_branch": false, "use_squash_pr_title_as_default": false,
      "squash_merge_commit_message": "COMMIT_MESSAGES",
      "squash_merge_commit_title": "COMMIT_OR_PR_TITLE", "merge_commit_message": "PR_TITLE",
      "merge_commit_title": "MERGE_MESSAGE", "network_count": 0, "subscribers_count": 0,
    ])
  }

  /// GitHub's "Repository", as in lists and in pull requests.
  func simple(_ repository: RepositoryRecord, _ facts: Facts) -> JSONValue {
    let settings = repository.settings
    let page = urls.page(repository)
    let host = urls.base.drop { $0 != ":" }.dropFirst(3)
    let head: JSONValue = [
      "id": JSONValue(repository.id), "node_id": .string(NodeID.of("R", repository.id)),
      "name": .string(repository.name), "full_name": .string(repository.fullName),
      "private": JSONValue(settings.isPrivate),
      "owner": UserObjects(urls: urls).simple(facts.owner),
      "html_url": .string(page), "description": JSONValue(settings.description), "fork": false,
      "url": .string(urls.api(repository)),
    ]
    let tail: JSONValue = [
      "created_at": .time(repository.createdAt),
      "updated_at": .time(repository.updatedAt),
      "pushed_at": .time(repository.pushedAt),
      "git_url": "git://\(host)/\(repository.fullName).git",
      "ssh_url": "git@\(host):\(repository.fullName).git", "clone_url": "\(page).git",
      "svn_url": .string(page), "mirror_url": nil, "homepage": nil, "size": 0,
      "stargazers_count": 0, "watchers_count": 0, "language": nil, "has_issues": true,
      "has_projects": false, "has_downloads": false, "has_wiki": false, "has_pages": false,
      "has_discussions": false, "forks_count": 0, "archived": JSONValue(settings.isArchived),
      "disabled": JSONValue(settings.isDisabled), "license": nil, "allow_forking": true,
      "is_template": false, "web_commit_signoff_required": false, "topics": [],
      "visibility": settings.isPrivate ? "private" : "public", "forks": 0,
      "open_issues_count": JSONValue(facts.openPullRequests),
      "open_issues": JSONValue(facts.openPullRequests), "watchers": 0,
      "default_branch": .string(facts.defaultBranch),
      "permissions": [
        "admin": JSONValue(settings.allowsWriting), "maintain": JSONValue(settings.allowsWriting),
        "push": JSONValue(settings.allowsWriting), "triage": JSONValue(settings.allowsWriting),
        "pull": true,
      ],
    ]
    return head.with(links(repository)).with(tail)
  }

  /// The URL templates of a repository's resources.
  private func links(_ repository: RepositoryRecord) -> JSONValue {
    let templates = [
      "forks_url": "/forks", "keys_url": "/keys{/key_id}",
      "collaborators_url": "/collaborators{/collaborator}", "teams_url": "/teams",
      "hooks_url": "/hooks", "issue_events_url": "/issues/events{/number}",
      "events_url": "/events", "assignees_url": "/assignees{/user}",
      "branches_url": "/branches{/branch}", "tags_url": "/tags",
      "blobs_url": "/git/blobs{/sha}", "git_tags_url": "/git/tags{/sha}",
      "git_refs_url": "/git/refs{/sha}", "trees_url": "/git/trees{/sha}",
      "statuses_url": "/statuses/{sha}", "languages_url": "/languages",
      "stargazers_url": "/stargazers", "contributors_url": "/contributors",
      "subscribers_url": "/subscribers", "subscription_url": "/subscription",
      "commits_url": "/commits{/sha}", "git_commits_url": "/git/commits{/sha}",
      "comments_url": "/comments{/number}",
      "issue_comment_url": "/issues/comments{/number}",
      "contents_url": "/contents/{+path}", "compare_url": "/compare/{base}...{head}",
      "merges_url": "/merges", "archive_url": "/{archive_format}{/ref}",
      "downloads_url": "/downloads", "issues_url": "/issues{/number}",
      "pulls_url": "/pulls{/number}", "milestones_url": "/milestones{/number}",
      "notifications_url": "/notifications{?since,all,participating}",
      "labels_url": "/labels{/name}", "releases_url": "/releases{/id}",
      "deployments_url": "/deployments",
    ]
    let links = templates.mapValues { JSONValue.string(urls.api(repository, $0)) }
    return .object(links)
  }
}
