import Domain
import HTTPClient

/// A rate limit that a response reports: the time until which the credential may send nothing.
struct GitHubLimit {
  var until: Timestamp
  /// GitHub named no end. Consecutive limits of this kind are waited out longer and longer.
  var isOpenEnded = false

  /// nil if the response reports no limit. Most responses of status 403 and 422 do not.
  /// - Parameter body: read only if the status may report one: most bodies are long, and no errors.
  init?(_ response: HTTPResponse, _ body: @autoclosure () -> ErrorBody?, now: Timestamp) {
    guard [403, 422, 429].contains(response.status) else { return nil }
    let body = body()
    let isUnprocessable = response.status == 422 && body?.isTooQuick == true
    guard response.status == 403 || response.status == 429 || isUnprocessable else { return nil }
    if let seconds = response.headers["retry-after"].flatMap(Int64.init), seconds >= 0 {
      until = now + .seconds(min(max(seconds, 1), 86_400))
      return
    }
    if response.headers["x-ratelimit-remaining"] == "0",
      let reset = response.headers["x-ratelimit-reset"].flatMap(Int64.init),
      (0...32_503_680_000).contains(reset)
    {
      // One second more, because both clocks round. A reset in the past or days ahead means that
      // one of the clocks is wrong.
      let at = Timestamp(milliseconds: reset * 1000) + .seconds(1)
      until = min(max(at, now + .seconds(1)), now + .seconds(86_400))
      return
    }
    let isSecondary = body?.has("rate limit") == true || body?.has("abuse") == true
    guard response.status == 429 || isSecondary || isUnprocessable else { return nil }
    until = now + .seconds(60)
    isOpenEnded = true
  }
}
