import Testing

@testable import Server

/// The code around a commented line.
struct DiffHunkTests {
  private let patch = Array(
    """
    diff --git a/a.js b/a.js
    index 1..2 100644
    --- a/a.js
    +++ b/a.js
    @@ -1,3 +1,4 @@ function a
     one
    -two
    +zwei
    +drei
     three
    @@ -20,2 +21,2 @@
     twenty
    +++ b/b.js
    diff --git a/b.js b/b.js
    new file mode 100644
    --- /dev/null
    +++ b/b.js
    @@ -0,0 +1,2 @@
    +first
    +second
    \\ No newline at end of file

    """.utf8)

  @Test func theHunkEndsWithTheLine() {
    #expect(
      DiffHunk.around(2, of: "a.js", in: patch) == "@@ -1,3 +1,4 @@ function a\n one\n-two\n+zwei")
    #expect(DiffHunk.around(21, of: "a.js", in: patch) == "@@ -20,2 +21,2 @@\n twenty")
    #expect(DiffHunk.around(1, of: "b.js", in: patch) == "@@ -0,0 +1,2 @@\n+first")
  }

  /// A line of code that looks like a header is code.
  @Test func codeIsNoHeader() {
    #expect(
      DiffHunk.around(22, of: "a.js", in: patch)
        == "@@ -20,2 +21,2 @@\n twenty\n+++ b/b.js")
  }

  @Test func whatIsNotShownHasNone() {
    #expect(DiffHunk.around(9, of: "a.js", in: patch) == nil)
    #expect(DiffHunk.around(1, of: "c.js", in: patch) == nil)
    #expect(DiffHunk.around(1, of: "a.js", in: []) == nil)
  }

  @Test func aLongHunkIsCutAtItsBeginning() throws {
    let lines = (1...100).map { "+line \($0)" }.joined(separator: "\n")
    let long = Array("diff --git a/x b/x\n+++ b/x\n@@ -0,0 +1,100 @@\n\(lines)\n".utf8)
    let shown = try #require(DiffHunk.around(90, of: "x", in: long))
    #expect(shown.split(separator: "\n").count == 14)
    #expect(shown.hasSuffix("+line 90"))
  }
}
