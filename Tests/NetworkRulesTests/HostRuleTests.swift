import NetworkRules
import Testing

/// Lines of a list of hosts: how they are read, what they allow, what two have in common.
struct HostRuleTests {
  @Test(arguments: [
    "pypi.org", "*.pypi.org", "pypi.org:8443", "*.pypi.org:1", "http://deb.debian.org",
    "http://*.debian.org:8080", "a.b:65535", "artifactory.corp.internal:8081", "*.github.io",
  ])
  func rulesComeBackAsWritten(text: String) throws {
    let rule = try HostRule(parsing: text)
    #expect(rule.description == text)
    #expect(try HostRule(parsing: rule.description) == rule)
  }

  @Test(arguments: [
    ("*", "network: public"), ("*.com", "two labels"), ("*.co.uk", "one owner"),
    ("*.com.au", "one owner"), ("a.*.org", "at the beginning"), ("*a.org", "at the beginning"),
    ("**.a.org", "at the beginning"), ("*.*.org", "at the beginning"),
    ("https://pypi.org", "host alone"), ("pypi.org/simple", "host alone"),
    ("http://pypi.org/", "host alone"), ("u@pypi.org", "host alone"), ("pypi.org:", "65535"),
    ("pypi.org:0", "65535"), ("pypi.org:65536", "65535"), ("pypi.org:080", "65535"),
    ("pypi.org:+80", "65535"), ("pypi.org:99999", "65535"), ("pypi.org:80:80", "65535"),
    ("10.0.0.1", "name"), ("10.0.0.1:80", "name"), ("[::1]:80", "65535"),
    ("localhost", "full name"),
    ("", "pypi.org"), ("pypi.org.", "last dot"), ("py_pi.org", "alone"), ("*.", "two labels"),
    ("*.com:443", "full name"), (" pypi.org", "alone"),
  ])
  func faultsSayWhatToWrite(text: String, instead: String) {
    let fault = #expect(throws: NetworkFault.self) { try HostRule(parsing: text) }
    #expect(fault?.instead.contains(instead) == true, "\(String(describing: fault))")
  }

  private func allows(_ rule: String, _ host: String, _ port: UInt16, _ isConnect: Bool) throws
    -> Bool
  {
    try HostRule(parsing: rule).allows(HostName(host), port: port, isConnect: isConnect)
  }

  @Test func portsByTheWayOfAsking() throws {
    #expect(try allows("a.org", "a.org", 443, true))
    #expect(try allows("a.org", "A.ORG", 80, false))
    #expect(try allows("a.org", "a.org", 443, false))
    #expect(try !allows("a.org", "a.org", 80, true))
    #expect(try !allows("a.org", "a.org", 8443, true))
    #expect(try allows("a.org:8443", "a.org", 8443, true))
    #expect(try allows("a.org:8443", "a.org", 8443, false))
    #expect(try !allows("a.org:8443", "a.org", 443, true))
    #expect(try allows("http://a.org", "a.org", 80, false))
    #expect(try !allows("http://a.org", "a.org", 80, true))
    #expect(try !allows("http://a.org", "a.org", 443, true))
  }

  @Test func wildcardsMatchNamesBelow() throws {
    #expect(try allows("*.a.org", "x.a.org", 443, true))
    #expect(try allows("*.a.org", "x.y.a.org", 443, true))
    #expect(try !allows("*.a.org", "a.org", 443, true))
    #expect(try !allows("*.a.org", "xa.org", 443, true))
    #expect(try !allows("*.a.org", "x.a.org.evil.com", 443, true))
    #expect(try !allows("a.org", "x.a.org", 443, true))
  }

  @Test func setsAreRules() throws {
    #expect(HostSet.allCases.map(\.rules.count) == [2, 2, 3, 3, 4, 2, 4])
    #expect(
      try HostSet.rules(of: "pypi").map(\.description) == ["pypi.org", "files.pythonhosted.org"])
    #expect(try HostSet.rules(of: ["a.org", "debian"]).count == 3)
    let fault = #expect(throws: NetworkFault.self) { try HostSet.rules(of: "cargo") }
    #expect(fault?.instead.contains("npm, pypi, crates, go, maven, debian, github") == true)
  }

  @Test func textIsMadePrintable() {
    #expect(PrintableHost.text("a\u{1b}[2Jb c\0ü".utf8) == "a?[2Jb?c???")
    #expect(PrintableHost.text(Array(repeating: 65, count: 9_999)).utf8.count == 253)
    #expect(PrintableHost.isPrintable("a.org") && !PrintableHost.isPrintable("a b"))
  }
}
