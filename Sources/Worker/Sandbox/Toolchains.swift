// The files of toolchains in a home, and the variables by which their programs find them.

import Processes
import Workflows

extension Toolchain {
  /// Folders of this user's home that its programs read, without credentials.
  var folders: [String] {
    let home = UnprivilegedUser.startersHome
    let names =
      switch self {
      case .rustup: [".rustup", ".cargo/bin"]
      case .uv:
        [".local/share/uv/python", ".local/share/uv/tools", ".local/bin/uv", ".local/bin/uvx"]
      case .nvm: [".nvm/versions", ".nvm/alias", ".nvm/nvm.sh", ".nvm/nvm-exec"]
      case .pyenv:
        ["bin", "libexec", "plugins", "pyenv.d", "shims", "versions", "version", "completions"]
          .map { ".pyenv/\($0)" }
      }
    return names.map { "\(home)/\($0)" }
  }

  /// Their programs search HOME, which is another folder inside.
  var environment: [String: String] {
    let home = UnprivilegedUser.startersHome
    return switch self {
    case .rustup: ["RUSTUP_HOME": "\(home)/.rustup"]
    case .uv:
      [
        "UV_PYTHON_INSTALL_DIR": "\(home)/.local/share/uv/python",
        "UV_TOOL_DIR": "\(home)/.local/share/uv/tools",
      ]
    case .nvm: ["NVM_DIR": "\(home)/.nvm"]
    case .pyenv: ["PYENV_ROOT": "\(home)/.pyenv"]
    }
  }
}
