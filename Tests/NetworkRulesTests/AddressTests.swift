import Glibc
import NetworkRules
import Randomness
import Testing

/// Addresses: how they are read, what they are for, what an operator's range lets through.
struct AddressTests {
  @Test(arguments: [
    ("8.8.8.8", AddressClass.public), ("1.1.1.1", .public), ("0.0.0.0", .unspecified),
    ("0.1.2.3", .unspecified), ("10.0.0.1", .private), ("172.15.0.1", .public),
    ("172.16.0.1", .private), ("172.31.255.255", .private), ("172.32.0.1", .public),
    ("192.168.1.1", .private), ("192.167.1.1", .public), ("127.0.0.1", .loopback),
    ("127.255.255.254", .loopback), ("100.63.0.1", .public), ("100.64.0.1", .carrierGrade),
    ("100.127.255.255", .carrierGrade), ("100.128.0.1", .public), ("169.254.1.1", .linkLocal),
    ("169.254.169.254", .metadata), ("168.63.129.16", .metadata), ("100.100.100.200", .metadata),
    ("192.0.0.192", .metadata), ("192.0.0.8", .reserved), ("192.0.2.1", .documentation),
    ("198.51.100.1", .documentation), ("203.0.113.1", .documentation), ("203.0.114.1", .public),
    ("198.18.0.1", .benchmarking), ("198.19.255.1", .benchmarking), ("198.20.0.1", .public),
    ("192.88.99.1", .reserved), ("224.0.0.1", .multicast), ("239.1.1.1", .multicast),
    ("240.0.0.1", .reserved), ("255.255.255.255", .broadcast), ("223.255.255.1", .public),
    ("::", .unspecified), ("::1", .loopback), ("::2", .unspecified), ("::127.0.0.1", .loopback),
    ("::8.8.8.8", .reserved), ("::ffff:8.8.8.8", .public), ("::ffff:127.0.0.1", .loopback),
    ("::ffff:10.0.0.1", .private), ("::ffff:169.254.169.254", .metadata),
    ("::ffff:0:127.0.0.1", .reserved), ("64:ff9b::8.8.8.8", .public),
    ("64:ff9b::10.0.0.1", .private), ("64:ff9b::127.0.0.1", .loopback),
    ("64:ff9b:1::8.8.8.8", .private), ("64:ff9b:0:1::8.8.8.8", .reserved),
    ("2002:808:808::1", .public), ("2002:7f00:1::1", .loopback), ("2002:a00:1::1", .private),
    ("2001::1", .unspecified), ("2001:0:808:808::f7f7:f7f7", .reserved),
    ("2001:0:808:808::80ff:fffe", .loopback), ("2001:0:a00:1::f7f7:f7f7", .private),
    ("2001:db8::1", .documentation), ("3fff::1", .documentation), ("3fff:1000::1", .public),
    ("2001:2::1", .benchmarking), ("2001:10::1", .reserved), ("2001:20::1", .reserved),
    ("2001:4860:4860::8888", .public), ("2606:4700:4700::1111", .public),
    ("2a00::5efe:10.0.0.1", .private), ("2a00::200:5efe:127.0.0.1", .loopback),
    ("fe80::1", .linkLocal), ("febf::1", .linkLocal), ("fec0::1", .siteLocal),
    ("fc00::1", .uniqueLocal), ("fd12::1", .uniqueLocal), ("fd00:ec2::254", .metadata),
    ("fd20:ce::254", .metadata), ("ff02::1", .multicast), ("100::1", .reserved),
    ("4000::1", .reserved), ("5f00::1", .reserved), ("e000::1", .reserved),
  ])
  func classes(text: String, expected: AddressClass) throws {
    let address = try #require(IPAddress(text))
    #expect(address.addressClass == expected)
    #expect(address.isReachable(permitting: []) == (expected == .public))
  }

  @Test(arguments: [
    "127.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "0x7f.0.0.1", "1.2.3.4 ", "", "1..2.3",
    "::1%lo", ":::", "1::2::3", ":1", "1:", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::12345",
    "1:2:3:4:5:6:7::8", "::1.2.3", "1.2.3.4::", "[::1]", "::g", "::-1", "::ffff:1.2.3.4.5",
    "::1.2.3.4:5",
  ])
  func invalidAddressesAreNil(text: String) { #expect(IPAddress(text) == nil) }

  /// Every address is read and written as the C library does it.
  @Test func theLibraryAgrees() throws {
    var chance = Seeded(3)
    for _ in 0..<20_000 {
      var bytes = (0..<16).map { _ in chance.below(3) == 0 ? UInt8(chance.below(256)) : 0 }
      if chance.below(4) == 0 { bytes = Array(repeating: 0, count: 10) + [255, 255] + bytes[..<4] }
      let address = try #require(IPAddress(bytes: bytes))
      var buffer = [CChar](repeating: 0, count: 64)
      _ = inet_ntop(AF_INET6, bytes, &buffer, 64)
      let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self)
      #expect(IPAddress(text) == address)
      #expect(IPAddress(address.description) == address)
      #expect(address.bytes == bytes)
      // The library writes compatible addresses with dots, RFC 5952 does not.
      if !text.contains(".") { #expect(address.description == text) }
    }
  }

  @Test func rangesOfOperators() throws {
    let range = try AddressRange(parsing: "10.1.0.0/16")
    #expect(range.description == "10.1.0.0/16")
    #expect(range.contains(try #require(IPAddress("10.1.255.1"))))
    #expect(range.contains(try #require(IPAddress("::ffff:10.1.2.3"))))
    #expect(!range.contains(try #require(IPAddress("10.2.0.1"))))
    #expect(!range.contains(try #require(IPAddress("64:ff9b::10.1.0.1"))))
    #expect(try AddressRange(parsing: "fd12::/32").contains(#require(IPAddress("fd12::9"))))
    #expect(try AddressRange(parsing: "0.0.0.0/0").contains(#require(IPAddress("9.9.9.9"))))
    #expect(try !AddressRange(parsing: "::/0").contains(#require(IPAddress("9.9.9.9"))))
    #expect(try AddressRange(parsing: "fd12::1").isSingle)
    #expect(try AddressRange(parsing: "8000::/1").contains(#require(IPAddress("ffff::1"))))
  }

  @Test(arguments: [
    ("10.1.2.0/16", "write 10.1.0.0/16"), ("10.1/16", "such as"), ("10.0.0.0/33", "such as"),
    ("10.0.0.0/", "such as"), ("10.0.0.0/08", "such as"), ("10.0.0.0/8/8", "such as"),
    ("localhost", "such as"), ("", "such as"), ("::ffff:10.0.0.1", "write 10.0.0.1"),
    ("fd12::1/32", "write fd12::/32"), ("fd12::/129", "such as"), ("10.0.0.0/-1", "such as"),
  ])
  func badRangesSayWhatToWrite(text: String, instead: String) {
    let fault = #expect(throws: NetworkFault.self) { try AddressRange(parsing: text) }
    #expect(fault?.instead.contains(instead) == true)
  }

  @Test func someAddressesCannotBePermitted() throws {
    let all = [try AddressRange(parsing: "0.0.0.0/0"), try AddressRange(parsing: "::/0")]
    func reach(_ text: String, _ ranges: [AddressRange]) throws -> Bool {
      try #require(IPAddress(text)).isReachable(permitting: ranges)
    }
    for text in [
      "10.0.0.1", "::ffff:10.0.0.1", "127.0.0.1", "fd12::1", "240.0.0.1", "100.64.0.1",
      "169.254.1.1", "fe80::1", "fec0::1", "192.0.2.1", "198.18.0.1",
    ] {
      #expect(try !reach(text, []) && reach(text, all), "\(text)")
    }
    for text in [
      "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "169.254.169.254",
      "168.63.129.16", "fd00:ec2::254",
    ] { #expect(try !reach(text, all), "\(text)") }
    #expect(try reach("169.254.169.254", [AddressRange(parsing: "169.254.169.254")]))
    #expect(try reach("8.8.8.8", []))
  }
}
