// Who may do what in a repository. Invitations are accepted at once.

import HTTPTypes
import Text

extension Route {
  private static let page = "collaborators/collaborators"

  static let collaborators: [Route] = [
    Route(
      .get, "collaborators", "\(page)#list-repository-collaborators", .metadata,
      repository: { $0.listCollaborators }),
    Route(
      .get, "collaborators/:login",
      "\(page)#check-if-a-user-is-a-repository-collaborator", .metadata,
      repository: { $0.isCollaborator }),
    Route(
      .put, "collaborators/:login", "\(page)#add-a-repository-collaborator", .administration,
      .administration, repository: { $0.addCollaborator }),
    Route(
      .delete, "collaborators/:login", "\(page)#remove-a-repository-collaborator",
      .administration, .administration, repository: { $0.removeCollaborator }),
    Route(
      .get, "collaborators/:login/permission",
      "\(page)#get-repository-permissions-for-a-user", .metadata,
      repository: { $0.getPermission }),
  ]
}

extension RepositoryCall {
  @Sendable func listCollaborators() async throws -> APIReply {
    let granted = try await api.roles(in: repository.record).granted
    let page = paging.slice(granted)
    let users = try await api.store.users(page.map(\.login))
    return paged(
      page.compactMap { login, role in users[login.lowercased()].map { collaborator($0, role) } },
      total: granted.count)
  }

  @Sendable func isCollaborator() async throws -> APIReply {
    let login = try login()
    let granted = try await api.roles(in: repository.record).granted
    guard granted.contains(where: { $0.login.lowercased() == login.lowercased() }) else {
      throw APIError.notFound
    }
    return .noContent
  }

  @Sendable func addCollaborator() async throws -> APIReply {
    let login = try login()
    let name = try call.string("permission") ?? "push"
    guard let role = RepositoryRole(rawValue: name), role > .none else {
      throw APIError.validation(.invalid("Repository", "permission"))
    }
    if login.lowercased() == repository.record.owner.lowercased() {
      throw APIError.validation(
        .custom("Repository", "Repository owner cannot be a collaborator"))
    }
    try await api.store.setCollaborator(login, of: repository.record.id, to: role)
    return .noContent
  }

  @Sendable func removeCollaborator() async throws -> APIReply {
    try await api.store.setCollaborator(try login(), of: repository.record.id, to: nil)
    return .noContent
  }

  @Sendable func getPermission() async throws -> APIReply {
    let user = try await api.store.user(try login())
    let role = try await api.role(of: user.login, in: repository.record)
    return .json([
      "permission": .string(role.level), "role_name": .string(role.roleName),
      "user": collaborator(user, role),
    ])
  }

  private func login() throws -> String {
    let login = call.parameter("login")
    guard ForgeName.isLogin(login) else { throw APIError.notFound }
    return login
  }

  /// GitHub's "Collaborator".
  private func collaborator(_ user: UserRecord, _ role: RepositoryRole) -> JSONValue {
    UserObjects(urls: call.urls).simple(user).with([
      "role_name": .string(role.roleName),
      "permissions": [
        "admin": JSONValue(role >= .admin), "maintain": JSONValue(role >= .maintain),
        "push": JSONValue(role >= .push), "triage": JSONValue(role >= .triage),
        "pull": JSONValue(role >= .pull),
      ],
    ])
  }
}
