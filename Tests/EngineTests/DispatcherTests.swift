import Simulation
import Testing

/// The dispatcher's rules are its model's: `tools/simulate --choices` compares a million of them.
@Suite struct DispatcherTests {
  @Test func itChoosesWhatASearchThroughAllWouldChoose() {
    let result = DispatcherCases.compare(choices: 60_000)
    #expect(result.difference == nil)
    // Teams in which nobody gets anything would prove nothing.
    #expect(result.pairings > 20_000)
  }
}
