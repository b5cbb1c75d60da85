// Users as JSON.

import Text

struct UserObjects: Sendable {
  let urls: ForgeURLs

  /// GitHub's "Simple User".
  func simple(_ user: UserRecord) -> JSONValue {
    let name = Percent.encode(user.login)
    let api = "\(urls.api)/users/\(name)"
    let page = user.isBot ? "/apps/\(Percent.encode(String(user.login.dropLast(5))))" : "/\(name)"
    return [
      "login": .string(user.login), "id": JSONValue(user.id),
      "node_id": .string(NodeID.of("U", user.id)),
      "avatar_url": "\(urls.base)/avatars/\(name)", "gravatar_id": "",
      "url": .string(api), "html_url": .string(urls.base + page),
      "followers_url": "\(api)/followers",
      "following_url": "\(api)/following{/other_user}", "gists_url": "\(api)/gists{/gist_id}",
      "starred_url": "\(api)/starred{/owner}{/repo}",
      "subscriptions_url": "\(api)/subscriptions", "organizations_url": "\(api)/orgs",
      "repos_url": "\(api)/repos", "events_url": "\(api)/events{/privacy}",
      "received_events_url": "\(api)/received_events", "type": user.isBot ? "Bot" : "User",
      "user_view_type": "public", "site_admin": false,
    ]
  }

  /// GitHub's "Private User".
  func full(_ user: UserRecord, repositories: Int) -> JSONValue {
    simple(user).with([
      "name": .string(user.login), "company": nil, "blog": "", "location": nil, "email": nil,
      "notification_email": nil, "hireable": nil, "bio": nil, "twitter_username": nil,
      "public_repos": JSONValue(repositories), "public_gists": 0, "followers": 0, "following": 0,
      "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
      "private_gists": 0, "total_private_repos": 0, "owned_private_repos": 0, "disk_usage": 0,
      "collaborators": 0, "two_factor_authentication": true,
      "plan": ["collaborators": 0, "name": "free", "space": 976_562_499, "private_repos": 10000],
    ])
  }
}
