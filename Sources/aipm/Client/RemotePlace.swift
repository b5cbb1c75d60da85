import Domain
import Text

/// The host and the path of a git remote: `https://HOST/PATH`, `ssh://HOST/PATH` or `HOST:PATH`
/// (https://git-scm.com/docs/git-clone#_git_urls). It is read as bytes, because a text would take
/// different bytes for the same character.
struct RemotePlace: Equatable {
  private typealias Bytes = ArraySlice<UInt8>

  private static let webPorts: [String: Int] = ["http": 80, "https": 443]
  private static let otherSchemes: Set = ["ssh", "git", "git+ssh", "ssh+git"]

  /// ASCII in lowercase.
  let host: String
  /// nil for a scheme other than http and https: a forge has another port for ssh.
  private let port: Int?
  private let path: [UInt8]

  /// - Returns: nil if it is a path on this machine, or not an address.
  init?(_ address: [UInt8]) {
    let all = address[...]
    let head = all.prefix { $0 != .colon }
    guard head.count < all.count, !head.contains(.slash) else { return nil }
    var rest = all[(head.endIndex + 1)...]
    guard rest.starts(with: [.slash, .slash]) else {
      // Without a scheme, a colon before the first slash separates the host from the path.
      guard let place = Self.place(head) else { return nil }
      (host, port, path) = (place.host, nil, Array(rest))
      return
    }
    guard let scheme = Self.ascii(head) else { return nil }
    let standard = Self.webPorts[scheme]
    guard standard != nil || Self.otherSchemes.contains(scheme) else { return nil }
    rest = rest.dropFirst(2)
    let authority = rest.prefix { $0 != .slash }
    guard let place = Self.place(authority) else { return nil }
    host = place.host
    port = standard.map { place.port ?? $0 }
    path = Array(rest[authority.endIndex...])
  }

  /// `[USER[:PASSWORD]@]HOST[:PORT]`.
  private static func place(_ authority: Bytes) -> (host: String, port: Int?)? {
    let start = authority.lastIndex(of: .at).map { $0 + 1 } ?? authority.startIndex
    var host = authority[start...]
    var port: Int?
    if host.last != .closingBracket, let colon = host.lastIndex(of: .colon) {
      guard let digits = ascii(host[(colon + 1)...]), let number = UInt16(digits) else {
        return nil
      }
      port = Int(number)
      host = host[..<colon]
    }
    return ascii(host).map { ($0, port) }
  }

  /// Printable ASCII in lowercase; nil for other bytes, and if it is empty.
  private static func ascii(_ bytes: Bytes) -> String? {
    guard !bytes.isEmpty, bytes.allSatisfy({ 0x21...0x7e ~= $0 }) else { return nil }
    return String(decoding: bytes.map { 0x41...0x5a ~= $0 ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  /// The repository, if this is a place on a forge.
  /// - Parameter address: the one under which the forge has its repositories.
  func repository(on address: String) -> RepositoryName? {
    guard let forge = RemotePlace(Array(address.utf8)), isHost(of: forge), isPort(of: forge) else {
      return nil
    }
    var rest = path[...]
    if rest.starts(with: forge.path) { rest = rest.dropFirst(forge.path.count) }
    rest = rest.drop { $0 == .slash }
    while rest.last == .slash { rest = rest.dropLast() }
    let ending = Array(".git".utf8)
    if rest.suffix(ending.count).elementsEqual(ending) { rest = rest.dropLast(ending.count) }
    guard let text = String(validating: rest, as: UTF8.self), let name = RepositoryName(text),
      name.isValid
    else { return nil }
    return name
  }

  /// GitHub takes ssh also at `ssh.HOST`.
  private func isHost(of forge: RemotePlace) -> Bool {
    host == forge.host || (port == nil && host == "ssh.\(forge.host)")
  }

  /// http and https of one host are the same forge.
  private func isPort(of forge: RemotePlace) -> Bool {
    guard let port, let other = forge.port, port != other else { return true }
    let standard = Self.webPorts.values
    return standard.contains(port) && standard.contains(other)
  }
}

extension UInt8 {
  fileprivate static let slash = UInt8(ascii: "/")
  fileprivate static let colon = UInt8(ascii: ":")
  fileprivate static let at = UInt8(ascii: "@")
  fileprivate static let closingBracket = UInt8(ascii: "]")
}
