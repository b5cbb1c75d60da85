import Domain
import HTTPClient

/// A limit that the forge told of in an answer: until when the whole credential is to be silent.
struct ForgeLimit {
  var until: Timestamp
  /// The forge named no end: each such limit after another is to be waited out longer.
  var isOpenEnded = false

  /// Nil where the answer is no limit: most 403s and 422s are not.
  init?(_ response: HTTPResponse, _ body: ErrorBody?, now: Timestamp) {
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
      // A second more: both clocks round. A reset that has passed on our clock is no reason to
      // hurry, and one that is days away is a clock that is wrong.
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
