// The user of the token, the rate limits, and the user's repositories.

import HTTPTypes
import Text

extension Route {
  static let users: [Route] = [
    Route(.get, "user", "users/users#get-the-authenticated-user") { $0.user },
    Route(.get, "user/repos", "repos/repos", .metadata) { $0.ownRepositories },
    Route(.get, "users/:login", "users/users#get-a-user") { $0.userByName },
    Route(.get, "rate_limit", "rate-limit/rate-limit") { $0.limits },
  ]
}

extension ForgeAPI {
  @Sendable func user(_ call: APICall) async throws -> APIReply {
    let count = try await folder.repositories(store: store).count
    let user = try await store.user(call.login)
    return .json(UserObjects(urls: call.urls).full(user, repositories: count))
  }

  @Sendable func userByName(_ call: APICall) async throws -> APIReply {
    let login = call.parameter("login")
    guard ForgeName.isLogin(login) else { throw APIError.notFound }
    let owned = try await folder.repositories(store: store).filter {
      $0.owner.lowercased() == login.lowercased()
    }
    guard !owned.isEmpty || accounts.contains(login) else {
      throw APIError.notFound
    }
    let user = try await store.user(login)
    return .json(UserObjects(urls: call.urls).full(user, repositories: owned.count))
  }

  @Sendable func ownRepositories(_ call: APICall) async throws -> APIReply {
    let paging = Paging(call.query)
    let records = try await folder.repositories(store: store)
    var shown: [JSONValue] = []
    for record in paging.slice(records) {
      let context = try await context(record, call.urls)
      shown.append(RepositoryObjects(urls: call.urls).simple(record, context.facts))
    }
    return paging.reply(shown, total: records.count, to: call)
  }

  @Sendable func limits(_ call: APICall) async throws -> APIReply {
    let state = rateLimit.state()
    let core: JSONValue = [
      "limit": JSONValue(state.limit), "used": JSONValue(state.used),
      "remaining": JSONValue(state.remaining), "reset": JSONValue(state.reset),
    ]
    return .json(["resources": ["core": core, "search": core], "rate": core])
  }
}
