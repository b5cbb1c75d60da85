import ArgumentParser
import EventLog
import Terminal
import Text

struct Open: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Opens a delegation's page in the browser.",
    discussion: """
      The browser is that of AIPM_BROWSER or BROWSER, else the desktop's. Without a terminal or a \
      browser the address is printed.

      Examples:
        aipm open PR1733356800123
        aipm open '#12' --pull-request
      """)

  @OptionGroup var delegation: ReferenceArgument
  @Flag(
    name: [.long, .customLong("pr")],
    help: "Open the pull request on the forge.")
  var pullRequest = false
  @Flag(help: "Print the address.")
  var print = false
  @OptionGroup var client: ClientOptions

  func run() async throws {
    let api = try client.api
    let found = try await api.get(
      try ServerAPI.path("/api/delegations", try await delegation.resolve(api)))
    let address = try address(of: found, api)
    let browser = Foreground(
      ["AIPM_BROWSER", "BROWSER"], orElse: ["xdg-open", "open", "wslview"])
    guard !print, Terminal.isInteractive, let browser else { return Terminal.say(address.safe()) }
    Terminal.complain("aipm: opening \(address.safe())")
    let code = try browser.run([address])
    guard code == 0 else {
      throw Failure("the browser ended with \(code); the address is \(address.safe())")
    }
  }

  private func address(of found: JSONValue, _ api: ServerAPI) throws -> String {
    guard pullRequest else { return api.page(of: found) }
    // The address is the forge's: only a web address is handed to a browser.
    guard let address = found["pullRequest"]["html_url"].stringValue,
      address.hasPrefix("https://") || address.hasPrefix("http://")
    else { throw Failure("it has no pull request yet", code: .notFound) }
    return address
  }
}

extension ServerAPI {
  /// The address of a delegation's page.
  func page(of delegation: JSONValue) -> String {
    "\(address)/#/delegations/\(delegation["id"].stringValue ?? "")"
  }
}
