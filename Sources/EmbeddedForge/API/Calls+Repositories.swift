// Repositories and their branches.

import HTTPTypes
import Text

extension Route {
  static let repositories: [Route] = [
    Route(.get, "", "repos/repos#get-a-repository", .metadata, repository: { $0.getRepository }),
    Route(
      .patch, "repos/:owner/:repo", "repos/repos#update-a-repository", .administration
    ) { $0.patchRepository },
    Route(
      .get, "branches", "branches/branches#list-branches", .contents,
      repository: { $0.listBranches }),
    Route(
      .get, "branches/*branch", "branches/branches#get-a-branch", .contents,
      repository: { $0.getBranch }),
  ]
}

extension ForgeAPI {
  @Sendable func patchRepository(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    guard repository.record.settings.allowsWriting, repository.role >= .admin else {
      throw APIError.notAccessible
    }
    var settings = repository.record.settings
    let archived = try call.bool("archived")
    // An archived repository can only be unarchived.
    if settings.isArchived, archived != false { throw APIError.archived }
    settings.isArchived = archived ?? settings.isArchived
    settings.isPrivate = try call.bool("private") ?? settings.isPrivate
    settings.description = try call.string("description") ?? settings.description
    if let branch = try call.string("default_branch") {
      guard let ref = RefName(branch: branch), repository.git.resolve(ref) != nil else {
        throw APIError.validation(
          .custom("Repository", "The branch \(branch) was not found.", field: "default_branch"))
      }
      try await repository.git.git(["symbolic-ref", "HEAD", ref.text])
    }
    try await store.setSettings(settings, of: repository.record.id)
    return RepositoryCall.shown(try await self.repository(call))
  }
}

extension RepositoryCall {
  @Sendable func getRepository() async throws -> APIReply { Self.shown(repository) }

  static func shown(_ repository: RepositoryContext) -> APIReply {
    .json(RepositoryObjects(urls: repository.urls).full(repository.record, repository.facts))
  }

  @Sendable func listBranches() async throws -> APIReply {
    let refs = try await repository.git.refs(below: "refs/heads/")
    let wanted = call.query["protected"].map { $0 == "true" }
    let branches = refs.compactMap { name, object in
      RefName(name)?.branch.map { (name: $0, object: object) }
    }.filter { wanted == nil || repository.isProtected($0.name) == wanted }
    let shown = paging.slice(branches).map { name, object -> JSONValue in
      [
        "name": .string(name),
        "commit": [
          "sha": .string(object.hex),
          "url": .string(call.urls.api(repository.record, "/commits/\(object)")),
        ], "protected": JSONValue(repository.isProtected(name)),
      ]
    }
    return paged(shown, total: branches.count)
  }

  @Sendable func getBranch() async throws -> APIReply {
    let name = call.parameter("branch")
    guard let ref = RefName(branch: name), let object = repository.git.resolve(ref),
      let commit = try await repository.git.commit(object.hex)
    else { throw APIError(status: .notFound, message: "Branch not found") }
    let path = Percent.encode(path: name)
    let url = call.urls.api(repository.record, "/branches/\(path)")
    let isProtected = repository.isProtected(name)
    return .json([
      "name": .string(name), "commit": repository.objects.commit(commit),
      "_links": [
        "self": .string(url), "html": .string(call.urls.page(repository.record, "/tree/\(path)")),
      ], "protected": JSONValue(isProtected),
      "protection": [
        "enabled": JSONValue(isProtected),
        "required_status_checks": ["enforcement_level": "off", "contexts": [], "checks": []],
      ], "protection_url": "\(url)/protection",
    ])
  }
}
