import Domain
import Glibc
import SystemCalls
import Testing

/// The figures of this process, against what the test itself uses.
struct ProcessFiguresTests {
  @Test func theyGrowWithUse() throws {
    let before = ProcessFigures.current
    let files = (0..<50).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
    defer { for file in files { close(file) } }
    var pages = [UInt8](repeating: 0, count: 64 << 20)
    for index in stride(from: 0, to: pages.count, by: 4096) { pages[index] = 1 }
    let after = ProcessFigures.current
    #expect(pages[4096] == 1)
    // Other tests of this process open and close files meanwhile.
    #expect(try #require(after.openDescriptors) > 50)
    #expect(try #require(after.residentBytes) > 64 << 20)
    #expect(try #require(after.virtualBytes) >= after.residentBytes ?? 0)
    #expect(after.cpuSeconds > before.cpuSeconds)
    #expect(try #require(after.threads) >= 1)
    #expect(try #require(after.descriptorsMax) >= after.openDescriptors ?? 0)
  }

  @Test func theStartIsBeforeNowAndDoesNotMove() throws {
    let start = try #require(ProcessFigures.current.startSeconds)
    let now = Double(Timestamp.now.milliseconds) / 1000
    #expect(start < now + 0.05)
    #expect(start > now - 24 * 3600)
    #expect(ProcessFigures.current.startSeconds == start)
  }
}
