import ForgeGitHub
import Mirrors

extension GitMirrors.Configuration {
  /// For a forge that answers as GitHub does.
  init(root: String, token: String, apiURL: String) {
    self.init(root: root, credential: GitHubGitCredential(.token(token), apiURL: apiURL))
  }
}
