import Testing
import Text

struct InternetDateTests {
  @Test func mailHasTheFormOfRFC5322() {
    #expect(InternetDate.mail(0) == "Thu, 01 Jan 1970 00:00:00 +0000")
    #expect(InternetDate.mail(784_111_777_999) == "Sun, 06 Nov 1994 08:49:37 +0000")
    #expect(InternetDate.mail(1_709_164_800_000) == "Thu, 29 Feb 2024 00:00:00 +0000")
    #expect(InternetDate.mail(-5) == InternetDate.mail(0))
  }

  @Test func whatHTTPWritesIsRead() {
    #expect(InternetDate.http("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777_000)
    #expect(InternetDate.http("Thu, 31 Dec 2026 23:59:59 GMT") == 1_798_761_599_000)
    for wrong in [
      "", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 2026 08:49:37 GMT", "06 Nov 1994",
    ] {
      #expect(InternetDate.http(wrong) == nil)
    }
  }
}
