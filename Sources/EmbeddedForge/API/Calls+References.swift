// Git references.

import HTTPTypes
import Text

extension Route {
  private static let ref = "git/refs/*ref"

  static let references: [Route] = [
    Route(.get, "git/ref/*ref", "git/refs#get-a-reference", .contents, history: { $0.getRef }),
    Route(
      .get, "git/matching-refs/*ref", "git/refs#list-matching-references", .contents,
      repository: { $0.matchingRefs }),
    // No longer documented, but clients use it.
    Route(.get, ref, "git/refs#get-a-reference", .contents, history: { $0.getRef }),
    Route(.post, "git/refs", "git/refs#create-a-reference", .contents, history: { $0.createRef }),
    Route(.patch, ref, "git/refs#update-a-reference", .contents, history: { $0.updateRef }),
    Route(.delete, ref, "git/refs#delete-a-reference", .contents, history: { $0.deleteRef }),
  ]
}

extension RepositoryCall {
  @Sendable func getRef() async throws -> APIReply {
    guard let ref = RefName("refs/\(call.parameter("ref"))"),
      let object = repository.git.resolve(ref)
    else { throw APIError.notFound }
    return .json(try await shown(ref, object))
  }

  @Sendable func matchingRefs() async throws -> APIReply {
    let prefix = "refs/\(call.parameter("ref"))"
    let refs = try await repository.git.refs(below: "refs/").filter {
      $0.name.hasPrefix(prefix) && !$0.name.hasPrefix("refs/pull/")
    }
    var items: [JSONValue] = []
    for (name, object) in refs {
      if let ref = RefName(name) { items.append(try await shown(ref, object)) }
    }
    return .json(.array(items))
  }

  @Sendable func createRef() async throws -> APIReply {
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
      try await move(ref, from: nil, to: object)
    } catch BareRepository.RefUpdate.moved {
      throw APIError.unprocessable("Reference already exists")
    } catch BareRepository.RefUpdate.nameTaken {
      throw APIError.unprocessable("Reference update failed")
    } catch BareRepository.RefUpdate.noObject {
      throw APIError.unprocessable("Object does not exist")
    }
    return .created(try await shown(ref, object))
  }

  @Sendable func updateRef() async throws -> APIReply {
    guard let object = try call.objectID("sha") else { throw APIError.notSupplied("sha") }
    let force = try call.bool("force") ?? false
    let (ref, current) = try existingRef()
    try checkProtection(ref)
    guard try await repository.git.commit(object.hex) != nil else {
      throw APIError.unprocessable("Object does not exist")
    }
    if !force, try await !repository.git.isAncestor(current, of: object) {
      throw APIError.unprocessable("Update is not a fast forward")
    }
    do {
      try await move(ref, from: current, to: object)
    } catch is BareRepository.RefUpdate {
      throw APIError.conflict("Reference cannot be updated: it was moved meanwhile")
    }
    try await api.refreshAll(in: repository, by: call.login)
    return .json(try await shown(ref, object))
  }

  @Sendable func deleteRef() async throws -> APIReply {
    let (ref, current) = try existingRef()
    try checkProtection(ref)
    if ref.branch == repository.facts.defaultBranch {
      throw APIError.unprocessable("Cannot delete the default branch")
    }
    do {
      try await move(ref, from: current, to: nil)
    } catch is BareRepository.RefUpdate {
      throw APIError.conflict("Reference cannot be deleted: it was moved meanwhile")
    }
    try await api.refreshAll(in: repository, by: call.login)
    return .noContent
  }

  private func existingRef() throws -> (ref: RefName, object: ObjectName) {
    guard let ref = writable("refs/\(call.parameter("ref"))"),
      let object = repository.git.resolve(ref)
    else { throw APIError.unprocessable("Reference does not exist") }
    return (ref, object)
  }

  /// Refuses changes to protected branches.
  private func checkProtection(_ ref: RefName) throws(APIError) {
    if let branch = ref.branch, repository.isProtected(branch) {
      throw .unprocessable(
        "Changes must be made through a pull request. Protected branch update failed for \(ref).")
    }
  }

  /// nil if nobody may write a ref of this name.
  private func writable(_ name: String) -> RefName? {
    if name.hasPrefix("refs/heads/") {
      return RefName(branch: String(name.dropFirst("refs/heads/".count)))
    }
    return name.hasPrefix("refs/pull/") ? nil : RefName(name)
  }

  private func shown(_ ref: RefName, _ object: ObjectName) async throws -> JSONValue {
    guard ref.branch == nil else { return repository.objects.ref(ref, object) }
    let kind = try await repository.git.object(object.hex)?.kind ?? .commit
    return repository.objects.ref(ref, object, type: kind.rawValue)
  }
}
