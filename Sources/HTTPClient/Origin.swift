import CCurl

/// The origin of a URL as libcurl parses it, so that client and library agree on the host.
struct Origin: Hashable {
  let scheme: String
  let host: String
  let port: String

  init(of text: String) throws(HTTPFault) {
    guard let handle = curl_url() else {
      throw .unsent(.invalidRequest, "out of memory")
    }
    defer { curl_url_cleanup(handle) }
    let code = curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_DISALLOW_USER))
    guard code == CURLUE_OK else {
      let reason = String(cString: curl_url_strerror(code))
      throw .unsent(.invalidURL, reason)
    }
    scheme = Self.part(CURLUPART_SCHEME, of: handle) ?? ""
    host = (Self.part(CURLUPART_HOST, of: handle) ?? "").lowercased()
    port = Self.part(CURLUPART_PORT, of: handle) ?? ""
    guard scheme == "http" || scheme == "https" else {
      throw .unsent(.invalidURL, "\(scheme) is neither http nor https")
    }
  }

  private static func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    let code = curl_url_get(handle, part, &text, UInt32(CURLU_DEFAULT_PORT))
    guard code == CURLUE_OK, let text else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }

  /// Whether it names this machine.
  var isLoopback: Bool {
    host == "localhost" || host == "[::1]" || host.hasPrefix("127.")
  }
}
