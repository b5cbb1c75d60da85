import Domain
import Engine
import EventLog
import Logging

extension StreamReading {
  /// Logs the state of a stream that could not be read at first.
  func log(to logger: Logger) {
    switch outcome {
    case .failed(let wait):
      logger.warning("\(stream) could not be read, next try in \(wait.count) ms: \(reason)")
    case .quarantined:
      logger.error(
        """
        \(stream) is in quarantine, nothing more is done with it until it can be read: \
        \(reason). `aipm verify` shows where the log is damaged
        """)
    case .recovered: logger.notice("\(stream) can be read again, and continues")
    }
  }
}
