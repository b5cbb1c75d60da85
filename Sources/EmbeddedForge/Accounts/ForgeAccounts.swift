// The accounts of the forge, and what they may do.

import Cryptography
import FoundationEssentials

/// A further account, with a token of its own.
package struct ForgeAccount: Sendable {
  /// By GitHub's rules for names. A login that ends in `[bot]` is of GitHub's type `Bot`.
  package var login: String
  package var token: String

  /// - Parameters:
  ///   - login: another one than the forge's own.
  ///   - token: not empty, and another one than those of other accounts.
  package init(login: String, token: String) {
    self.login = login
    self.token = token
  }
}

struct ForgeAccounts: Sendable {
  /// The user of the forge's own token.
  let principal: String
  /// Who acts on the pages.
  let person: String
  let others: [ForgeAccount]

  /// Whether the forge knows this login without a repository or a collaborator.
  func contains(_ login: String) -> Bool {
    ([principal, person] + others.map(\.login)).contains { $0.lowercased() == login.lowercased() }
  }
}

/// The roles of the accounts in one repository.
struct RepositoryRoles: Sendable {
  let repository: RepositoryRecord
  let accounts: ForgeAccounts
  /// By login in lower case.
  let collaborators: [String: RepositoryRole]

  func role(of login: String) -> RepositoryRole {
    granted(to: login) ?? (repository.settings.isPrivate ? .none : .pull)
  }

  /// nil for an account that only has what everybody has.
  private func granted(to login: String) -> RepositoryRole? {
    let name = login.lowercased()
    if name == repository.owner.lowercased() || name == accounts.principal.lowercased() {
      return .admin
    }
    return collaborators[name] ?? (name == accounts.person.lowercased() ? .push : nil)
  }

  /// GitHub's `author_association`.
  func association(_ login: String) -> String {
    switch granted(to: login) {
    case .admin where collaborators[login.lowercased()] == nil: "OWNER"
    case nil: "NONE"
    case _: "COLLABORATOR"
    }
  }

  /// Owner, person and collaborators with their roles, by login.
  var granted: [(login: String, role: RepositoryRole)] {
    let named = [repository.owner, accounts.principal, accounts.person]
    let logins = Set((named + collaborators.keys).map { $0.lowercased() })
    let known = Dictionary(named.map { ($0.lowercased(), $0) }) { first, _ in first }
    return logins.sorted().map { (known[$0] ?? $0, role(of: $0)) }
  }
}

/// Addresses that work for a minute without a credential, as those of logs on GitHub.
struct SignedAddresses: Sendable {
  private let key: [UInt8]

  init() { key = (0..<32).map { _ in UInt8.random(in: .min ... .max) } }

  /// The query for a path.
  func query(for path: String, now: Int64 = ForgeStore.now) -> String {
    let expires = now + 60
    return "expires=\(expires)&signature=\(signature(path, expires))"
  }

  func isValid(_ query: [String: String], for path: String, now: Int64 = ForgeStore.now) -> Bool {
    guard let expires = query["expires"].flatMap({ Int64($0) }), expires >= now,
      let signature = query["signature"]
    else { return false }
    return constantTimeEqual(Array(signature.utf8), Array(self.signature(path, expires).utf8))
  }

  /// A token for forms on the page of this path.
  func token(for path: String) -> String { signature("form:\(path)", 0) }

  func isToken(_ token: String, for path: String) -> Bool {
    constantTimeEqual(Array(token.utf8), Array(self.token(for: path).utf8))
  }

  private func signature(_ path: String, _ expires: Int64) -> String {
    SHA256.hex(HMACSHA256.code(for: Array("\(expires):\(path)".utf8), key: key))
  }
}
