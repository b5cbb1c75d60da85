// The protection of a branch. A protected branch is changed through pull requests alone, and these
// must have its newest commits ("strict" status checks, as GitHub calls it). The forge has no other
// rules, so the rest of a request is checked for its form and ignored.

import HTTPTypes
import Text

extension Route {
  /// These come before the routes of branches, whose names may have slashes.
  static let protection: [Route] = [
    Route(
      .get, "branches/*branch/protection", "branches/branch-protection#get-branch-protection",
      .administration, repository: { $0.getProtection }),
    Route(
      .put, "branches/*branch/protection", "branches/branch-protection#update-branch-protection",
      .administration, .administration, repository: { $0.protect }),
    Route(
      .delete, "branches/*branch/protection", "branches/branch-protection#delete-branch-protection",
      .administration, .administration, repository: { $0.unprotect }),
  ]
}

extension RepositoryCall {
  @Sendable func getProtection() async throws -> APIReply {
    let branch = try namedBranch()
    guard repository.isProtected(branch) else { throw Self.notProtected }
    return .json(shownProtection(of: branch))
  }

  @Sendable func protect() async throws -> APIReply {
    let branch = try namedBranch()
    var settings = repository.record.settings
    if !settings.protectedBranches.contains(branch) { settings.protectedBranches.append(branch) }
    try await api.store.setSettings(settings, of: repository.record.id)
    return .json(shownProtection(of: branch))
  }

  @Sendable func unprotect() async throws -> APIReply {
    let branch = try namedBranch()
    var settings = repository.record.settings
    guard settings.protectedBranches.contains(branch) else { throw Self.notProtected }
    settings.protectedBranches.removeAll { $0 == branch }
    try await api.store.setSettings(settings, of: repository.record.id)
    return .noContent
  }

  private static let notProtected = APIError(status: .notFound, message: "Branch not protected")

  private func namedBranch() throws -> String {
    let name = call.parameter("branch")
    guard let ref = RefName(branch: name), repository.git.resolve(ref) != nil else {
      throw APIError(status: .notFound, message: "Branch not found")
    }
    return name
  }

  private func shownProtection(of branch: String) -> JSONValue {
    let url = call.urls.api(
      repository.record, "/branches/\(Percent.encode(path: branch))/protection")
    return [
      "url": .string(url),
      "required_status_checks": [
        "url": "\(url)/required_status_checks", "strict": true, "contexts": [],
        "contexts_url": "\(url)/required_status_checks/contexts", "checks": [],
      ],
      "enforce_admins": ["url": "\(url)/enforce_admins", "enabled": true],
    ]
  }
}
