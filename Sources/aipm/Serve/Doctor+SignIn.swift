import ArgumentParser
import ForgePort
import OpenID

extension Doctor {
  /// Whether the configured provider answers; nil if none is configured, or its settings are
  /// invalid, which another check reports.
  static func signIn(_ settings: Settings) async -> Finding? {
    let subject = "sign-in"
    do {
      let options = try Serve.parse([]).options(settings)
      guard let openID = options.openID else { return nil }
      let provider = OpenIDProvider(openID, authoritiesFile: options.forge.authoritiesFile)
      do throws(OpenIDFault) {
        let count = try await provider.check()
        return .good(
          subject, "\(openID.issuer) answers, with \(count) \(count == 1 ? "key" : "keys")")
      } catch {
        return .bad(subject, error.description, "Nobody can sign in until then.")
      }
    } catch { return nil }
  }
}
