#if PostgreSQL

import CPostgreSQL

/// The location of a database, as libpq reads it: one host or several, and how to sign in. Its
/// description names the place without the password.
package struct PostgreSQLAddress: Equatable, Sendable, CustomStringConvertible {
  /// An address that libpq cannot read. It does not repeat the address, which may have a password.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// The beginnings of an address.
  package static let schemes = ["postgresql://", "postgres://"]

  let parameters: [Parameter]
  /// The password in the address; nil if it comes from a file or from the environment.
  package var password: String? { value(of: "password") }

  struct Parameter: Equatable, Sendable {
    var keyword: String
    var value: String
  }

  /// Reads `postgresql://USER@HOST[:PORT][,HOST[:PORT]…]/DATABASE[?PARAMETER=VALUE…]`.
  package init(_ text: String) throws(Fault) {
    var message: UnsafeMutablePointer<CChar>?
    let isAddress = Self.schemes.contains(where: text.hasPrefix)
    let options = isAddress ? PQconninfoParse(text, &message) : nil
    defer {
      // The message may quote the address, so it is not shown.
      if let message { PQfreemem(message) }
      if let options { PQconninfoFree(options) }
    }
    guard let options else {
      throw Fault(
        description: "the address of the store cannot be read: write "
          + "postgresql://USER@HOST[:PORT][,HOST[:PORT]…]/DATABASE")
    }
    var parameters: [Parameter] = []
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        parameters.append(
          Parameter(keyword: String(cString: keyword), value: String(cString: value)))
      }
      option += 1
    }
    self.parameters = parameters
  }

  private func value(of keyword: String) -> String? {
    parameters.last { $0.keyword == keyword }?.value
  }

  /// The address of each host; only this one if it names no host.
  package var hosts: [PostgreSQLAddress] {
    let lists = ["host", "hostaddr", "port"]
    func items(_ text: String) -> [String] {
      text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let count = (value(of: "host") ?? value(of: "hostaddr")).map { items($0).count } ?? 1
    guard count > 1 else { return [self] }
    return (0..<count).map { index in
      PostgreSQLAddress(
        parameters: parameters.map { parameter in
          guard lists.contains(parameter.keyword) else { return parameter }
          let all = items(parameter.value)
          // One port is that of all hosts.
          return Parameter(
            keyword: parameter.keyword, value: all.count == count ? all[index] : parameter.value)
        })
    }
  }

  private init(parameters: [Parameter]) { self.parameters = parameters }

  package var description: String {
    let hosts = value(of: "host") ?? value(of: "hostaddr") ?? "localhost"
    let user = value(of: "user").map { "\($0)@" } ?? ""
    let port = value(of: "port").map { ":\($0)" } ?? ""
    return "postgresql://\(user)\(hosts)\(port)/\(value(of: "dbname") ?? "")"
  }

  /// The text without the password, if it has one.
  package func withoutPassword(_ text: String) -> String {
    guard let password, !password.isEmpty else { return text }
    return text.replacing(password, with: "***")
  }
}

#endif
