import HTTPClient

/// The client's request; the server's has the same name in another module.
typealias ForwardedRequest = HTTPRequest
