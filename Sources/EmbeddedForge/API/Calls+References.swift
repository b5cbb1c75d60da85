// Git references.

import HTTPTypes
import Text

extension Route {
  static let references: [Route] = [
    Route(
      .get, "repos/:owner/:repo/git/ref/*ref", "git/refs#get-a-reference", "contents=read",
      { $0.getRef }),
    Route(
      .get, "repos/:owner/:repo/git/matching-refs/*ref", "git/refs#list-matching-references",
      "contents=read", { $0.matchingRefs }),
    // No longer documented, but clients use it.
    Route(
      .get, "repos/:owner/:repo/git/refs/*ref", "git/refs#get-a-reference", "contents=read",
      { $0.getRef }),
    Route(
      .post, "repos/:owner/:repo/git/refs", "git/refs#create-a-reference", "contents=write",
      { $0.createRef }),
    Route(
      .patch, "repos/:owner/:repo/git/refs/*ref", "git/refs#update-a-reference", "contents=write",
      { $0.updateRef }),
    Route(
      .delete, "repos/:owner/:repo/git/refs/*ref", "git/refs#delete-a-reference",
      "contents=write", { $0.deleteRef }),
  ]
}

extension ForgeAPI {
  @Sendable func getRef(_ call: APICall) async throws -> APIReply {
    let repository = try await nonEmptyRepository(call)
    guard let ref = RefName("refs/\(call.parameter("ref"))"),
      let object = repository.git.resolve(ref)
    else { throw APIError.notFound }
    return .json(try await shown(ref, object, repository))
  }

  @Sendable func matchingRefs(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    let prefix = "refs/\(call.parameter("ref"))"
    let refs = try await repository.git.refs(below: "refs/").filter {
      $0.name.hasPrefix(prefix) && !$0.name.hasPrefix("refs/pull/")
    }
    var items: [JSONValue] = []
    for (name, object) in refs {
      if let ref = RefName(name) { items.append(try await shown(ref, object, repository)) }
    }
    return .json(.array(items))
  }

  @Sendable func createRef(_ call: APICall) async throws -> APIReply {
    let repository = try await nonEmptyRepository(call, .writing)
    let name = try call.requiredString("ref")
    guard let object = try call.objectID("sha") else { throw APIError.notSupplied("sha") }
    let components = name.split(separator: "/", omittingEmptySubsequences: false)
    guard name.hasPrefix("refs/"), components.count >= 3 else {
      throw APIError.unprocessable(
        "Reference name must start with 'refs/' and contain at least three slash-separated "
          + "components.")
    }
    guard let ref = writable(name) else {
      throw APIError.unprocessable("\(name) is not a valid ref name.")
    }
    do {
      try await repository.git.update(ref, to: object, from: nil)
    } catch BareRepository.RefUpdate.moved {
      throw APIError.unprocessable("Reference already exists")
    } catch BareRepository.RefUpdate.nameTaken {
      throw APIError.unprocessable("Reference update failed")
    } catch BareRepository.RefUpdate.noObject {
      throw APIError.unprocessable("Object does not exist")
    }
    return .created(try await shown(ref, object, repository))
  }

  @Sendable func updateRef(_ call: APICall) async throws -> APIReply {
    let repository = try await nonEmptyRepository(call, .writing)
    guard let object = try call.objectID("sha") else { throw APIError.notSupplied("sha") }
    let force = try call.bool("force") ?? false
    let (ref, current) = try existingRef(call, repository)
    try checkProtection(repository, ref)
    guard try await repository.git.commit(object.hex) != nil else {
      throw APIError.unprocessable("Object does not exist")
    }
    if !force, try await !repository.git.isAncestor(current, of: object) {
      throw APIError.unprocessable("Update is not a fast forward")
    }
    do {
      try await repository.git.update(ref, to: object, from: current)
    } catch is BareRepository.RefUpdate {
      throw APIError.conflict("Reference cannot be updated: it was moved meanwhile")
    }
    try await pullRequests.refreshAll(of: repository.record, repository.git)
    return .json(try await shown(ref, object, repository))
  }

  @Sendable func deleteRef(_ call: APICall) async throws -> APIReply {
    let repository = try await nonEmptyRepository(call, .writing)
    let (ref, current) = try existingRef(call, repository)
    try checkProtection(repository, ref)
    if ref.branch == repository.facts.defaultBranch {
      throw APIError.unprocessable("Cannot delete the default branch")
    }
    do {
      try await repository.git.update(ref, to: nil, from: current)
    } catch is BareRepository.RefUpdate {
      throw APIError.conflict("Reference cannot be deleted: it was moved meanwhile")
    }
    try await pullRequests.refreshAll(of: repository.record, repository.git)
    return .noContent
  }

  private func existingRef(_ call: APICall, _ repository: RepositoryContext) throws -> (
    ref: RefName, object: ObjectName
  ) {
    guard let ref = writable("refs/\(call.parameter("ref"))"),
      let object = repository.git.resolve(ref)
    else { throw APIError.unprocessable("Reference does not exist") }
    return (ref, object)
  }

  /// nil if nobody may write a ref of this name.
  private func writable(_ name: String) -> RefName? {
    if name.hasPrefix("refs/heads/") {
      return RefName(branch: String(name.dropFirst("refs/heads/".count)))
    }
    return name.hasPrefix("refs/pull/") ? nil : RefName(name)
  }

  private func shown(_ ref: RefName, _ object: ObjectName, _ repository: RepositoryContext)
    async throws -> JSONValue
  {
    guard ref.branch == nil else { return repository.objects.ref(ref, object) }
    let kind = try await repository.git.object(object.hex)?.kind ?? .commit
    return repository.objects.ref(ref, object, type: kind.rawValue)
  }
}
