import SystemCalls
import Testing

@Suite struct DiskProbeTests {
  @Test func aFolderThatCannotBeWrittenOrIsFullIsTheMachinesFault() {
    #expect(DiskProbe.fault(in: "/tmp", room: 0) == nil)
    #expect(DiskProbe.fault(in: "/proc", room: 0) != nil)
    #expect(DiskProbe.fault(in: "/tmp/none/there", room: 0) != nil)
    #expect(DiskProbe.fault(in: "/tmp", room: 1 << 60)?.contains("MiB left") ?? false)
  }
}
