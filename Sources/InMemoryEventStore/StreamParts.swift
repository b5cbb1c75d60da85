import EventLog

extension InMemoryEventStore {
  /// See `EventStore`.
  package func read(
    _ stream: StreamName, types: [EventType]
  ) async throws(StoreFault) -> [RecordedEvent] {
    let names = Set(types.map(\.name))
    return readNow(stream).filter { names.contains($0.event.name) }
  }

  /// See `EventStore`.
  package func last(of stream: StreamName) async throws(StoreFault) -> RecordedEvent? {
    readNow(stream).last
  }
}
