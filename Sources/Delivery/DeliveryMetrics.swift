import Prometheus
import Synchronization

/// Counts deliveries, and knows how each receiver does.
package final class DeliveryMetrics: MetricFamily {
  enum Outcome: String, CaseIterable {
    case accepted
    /// One try; another follows.
    case failed
    case givenUp = "given-up"
  }

  enum Condition: String, CaseIterable {
    case working, failing
    /// Gone, until the next start.
    case disabled
  }

  private let tries = CounterFamily(
    "aipm_deliveries_total",
    "Tries to send traces and notifications, by channel and outcome.",
    labels: ["channel", "outcome"],
    known: DeliveryChannel.allCases.flatMap { channel in
      Outcome.allCases.map { [channel.rawValue, $0.rawValue] }
    })
  private let receivers = Mutex<[String: (channel: DeliveryChannel, condition: Condition)]>([:])

  package init() {}

  func count(_ channel: DeliveryChannel, _ outcome: Outcome) {
    tries.add(1, [channel.rawValue, outcome.rawValue])
  }

  func set(_ receiver: any DeliveryReceiver, _ condition: Condition) {
    receivers.withLock { $0[receiver.key] = (receiver.channel, condition) }
  }

  /// See `MetricFamily`.
  package func write(to exposition: inout Exposition) {
    tries.write(to: &exposition)
    let now = receivers.withLock { Array($0.values) }
    let channels = DeliveryChannel.allCases.filter { channel in
      now.contains { $0.channel == channel }
    }
    exposition.write(
      .gauge, "aipm_delivery_receivers",
      "Receivers of traces and notifications, by channel and state.",
      channels.flatMap { channel in
        Condition.allCases.map { condition in
          (
            [("channel", channel.rawValue), ("state", condition.rawValue)],
            Double(now.count { $0.channel == channel && $0.condition == condition })
          )
        }
      })
  }
}
