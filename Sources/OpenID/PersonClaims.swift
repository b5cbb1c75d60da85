import Access
import Text

/// A person who signed in.
package struct SignedInPerson: Equatable, Sendable {
  /// The name in the log and on the page.
  package let name: String
  /// The provider's identifier of the person, which never changes.
  package let subject: String
  /// At most `groupsMax`.
  package let groups: [String]
  /// What the person may do.
  package let principal: Principal

  package static let groupsMax = 2000
  /// The largest name, in bytes.
  package static let nameBytesMax = 200

  /// - Parameter claims: those of a valid ID token.
  /// - Throws: `OpenIDFault` if the person has no usable name, or may do nothing.
  init(
    _ claims: [String: JSONValue], subject: String, _ settings: OpenIDSettings
  ) throws(OpenIDFault) {
    let name = try Self.name(claims, settings.nameClaim)
    let groups = try Self.groups(claims[settings.groupsClaim], settings.groupsClaim)
    guard var principal = settings.grants.principal(named: name, groups: groups) else {
      throw .notPermitted(name: name)
    }
    principal.forgeUser = settings.forgeUserClaim.flatMap { claims[$0]?.stringValue }
    self.name = name
    self.subject = subject
    self.groups = groups
    self.principal = principal
  }

  /// A name with an `@` is the claim's value, and one without gets it in front: no token can have
  /// such a name, and different values give different names.
  private static func name(
    _ claims: [String: JSONValue], _ claim: String
  ) throws(OpenIDFault) -> String {
    guard let value = claims[claim]?.stringValue else {
      throw .noName(
        "Your account at the provider has no \(claim). The administrator of AIPM can name another "
          + "claim with openid-name-claim, or let the provider send this one.")
    }
    // People can write any address into an account. Only a verified one is theirs.
    guard claim != "email" || claims["email_verified"] == true else {
      throw .noName(
        "The provider has not verified your email address. Verify it there, or the administrator "
          + "of AIPM names another claim with openid-name-claim.")
    }
    guard !value.hasPrefix("@"), value.utf8.count < nameBytesMax, isPlain(value) else {
      throw .noName(
        "The claim \(claim) of your account is not a name: it is empty, begins with @, has "
          + "\(nameBytesMax) bytes or more, or contains spaces at an end or control characters.")
    }
    return value.utf8.contains(UInt8(ascii: "@")) ? value : "@" + value
  }

  /// Whether the text is not empty, and nothing in it is invisible or changes the order of others.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last else {
      return false
    }
    return !first.properties.isWhitespace && !last.properties.isWhitespace
      && text.unicodeScalars.allSatisfy { scalar in
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
          .unassigned:
          false
        case _: true
        }
      }
  }

  private static func groups(
    _ value: JSONValue?, _ claim: String
  ) throws(OpenIDFault) -> [String] {
    switch value {
    case nil, .null: return []
    case .string(let group): return [group]
    case .array(let items) where items.count <= groupsMax:
      let groups = items.compactMap(\.stringValue)
      if groups.count == items.count { return groups }
    case _: break
    }
    throw .provider(
      "The claim \(claim) is not a list of \(groupsMax) names at most. The administrator of AIPM "
        + "can name another claim with openid-groups-claim.")
  }
}
