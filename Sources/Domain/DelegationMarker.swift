/// The marker with which a text on the forge names its delegation: an HTML comment, which pages do
/// not show.
package enum DelegationMarker {
  package static let opening = "<!-- aipm: "
  private static let closing = " -->"
  private static let idBytes = Set("0123456789abcdefABCDEF-".utf8)

  /// The marker of a pull request's body and of the task's file.
  package static func of(_ id: DelegationID) -> String { opening + id.rawValue + closing }

  /// The marker of a comment.
  /// - Parameter proof: what only AIPM knows before it writes the comment, so that nobody can write
  ///   the marker first; empty for none.
  package static func of(_ id: DelegationID, notice: Notice, proof: String = "") -> String {
    opening + id.rawValue + " " + notice.marker + (proof.isEmpty ? "" : " \(proof)") + closing
  }

  /// The delegation that a pull request's body names; nil if it names no delegation.
  package static func delegation(in body: String) -> DelegationID? {
    guard let start = body.firstRange(of: opening)?.upperBound,
      let end = body[start...].firstRange(of: closing)?.lowerBound
    else { return nil }
    let id = body[start..<end]
    let isID =
      id.utf8.count == 36 && id.utf8.allSatisfy { Self.idBytes.contains($0) }
    return isID ? DelegationID(id.lowercased()) : nil
  }
}
