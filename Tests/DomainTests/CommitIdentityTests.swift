import Domain
import Testing

struct CommitIdentityTests {
  @Test func theStandardOneIsNobodysAddress() {
    // RFC 2606, section 2: nobody can have an address below `.invalid`.
    #expect(CommitIdentity.standard.email.hasSuffix(".invalid"))
    #expect(CommitIdentity(CommitIdentity.standard.description) == .standard)
  }

  @Test func aNameWithBlanksAndLettersOfAnyKind() {
    let found = CommitIdentity("Zoë  van Ärlen <zoe@x.example>")
    #expect(found?.name == "Zoë van Ärlen" && found?.email == "zoe@x.example")
  }

  @Test(arguments: [
    "", "AIPM", "aipm@x.example", "<aipm@x.example>", "AIPM <>", "AIPM <aipm>", "AIPM <@x>",
    "AIPM <a@>", "AIPM <a b@x>", "AIPM <a@b@x>", "AIPM <a@x> more", "A\nB <a@x>", "A>B <a@x>",
    "AIPM <a<b@x>", "AIPM <a@x>\n",
  ])
  func whatGitCouldNotWriteIsRefused(text: String) { #expect(CommitIdentity(text) == nil) }
}
