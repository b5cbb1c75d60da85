import CCurl
import Glibc
import SystemCalls

/// The thread that owns every curl handle of a client. It is reached only through the inbox.
final class TransferLoop {
  /// The longest sleep; usually libcurl, a deadline or the inbox ends it sooner.
  private static let pollMillisecondsMax: Int32 = 60_000

  private let inbox: Inbox
  private let configuration: HTTPClient.Configuration
  private let multi: UnsafeMutableRawPointer
  private var transfers: [UInt64: Transfer] = [:]
  private var idOfHandle: [UnsafeMutableRawPointer: UInt64] = [:]
  /// libcurl's transfers by origin, and the queued ones, oldest first. libcurl's own limit of
  /// connections sometimes does not start a queued transfer (7.88), and does not time it out.
  private var running: [Origin: Int] = [:]
  private var waiting: [Origin: [Transfer]] = [:]

  /// libcurl requires this once per process, before all other calls.
  static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// Starts the thread. If that fails, every transfer fails with `unreachable`.
  static func start(inbox: Inbox, configuration: HTTPClient.Configuration) {
    let isStarted = startThread(name: "aipm-http") {
      guard isLibraryReady, let multi = curl_multi_init() else { return refuseAll(inbox) }
      let loop = TransferLoop(inbox: inbox, configuration: configuration, multi: multi)
      loop.run()
    }
    if !isStarted { refuseAll(inbox) }
  }

  private static func refuseAll(_ inbox: Inbox) {
    inbox.shutDown()
    for case .start(let submission) in inbox.take().commands {
      submission.sink.fail(.unsent(.unreachable, "libcurl could not be started"))
    }
  }

  private init(
    inbox: Inbox, configuration: HTTPClient.Configuration, multi: UnsafeMutableRawPointer
  ) {
    self.inbox = inbox
    self.configuration = configuration
    self.multi = multi
    // Kept connections; an idle one is closed if another host needs a connection.
    _ = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.maxConnectionsPerHost * 4)
  }

  private func run() {
    inbox.attach(multi: UInt(bitPattern: multi))
    while true {
      let (commands, isShutDown) = inbox.take()
      commands.forEach(carryOut)
      if isShutDown { break }
      step()
    }
    inbox.attach(multi: 0)
    waiting = [:]
    for transfer in Array(transfers.values) { finish(transfer, aborted: Inbox.shutDownFault) }
    curl_multi_cleanup(multi)
  }

  private func carryOut(_ command: TransferCommand) {
    switch command {
    case .start(let submission): begin(submission)
    case .cancel(let id):
      guard let transfer = transfers[id] else { return }
      finish(transfer, aborted: .unsent(.cancelled, "the caller cancelled"))
    case .resume(let id): transfers[id]?.resume()
    }
  }

  private func begin(_ submission: TransferRequest) {
    do throws(HTTPFault) {
      let transfer = try Transfer(submission, configuration: configuration)
      transfers[submission.id] = transfer
      if case .stream(let source) = submission.request.body {
        source.attach { [inbox, id = submission.id] in inbox.post(.resume(id)) }
      }
      waiting[transfer.origin, default: []].append(transfer)
      admit(transfer.origin)
    } catch {
      inbox.ended()
      submission.sink.fail(error)
    }
  }

  /// Starts queued transfers of an origin up to its limit.
  private func admit(_ origin: Origin) {
    while running[origin, default: 0] < configuration.maxConnectionsPerHost,
      var line = waiting[origin], !line.isEmpty
    {
      let transfer = line.removeFirst()
      waiting[origin] = line.isEmpty ? nil : line
      running[origin, default: 0] += 1
      idOfHandle[transfer.easy] = transfer.id
      let code = curl_multi_add_handle(multi, transfer.easy)
      guard code != CURLM_OK else { continue }
      let reason = "libcurl: " + String(cString: curl_multi_strerror(code))
      finish(transfer, aborted: .unsent(.unreachable, reason))
    }
  }

  /// Transfers bytes, completes finished transfers, and sleeps until the next event.
  private func step() {
    var running: Int32 = 0
    let code = curl_multi_perform(multi, &running)
    guard code == CURLM_OK else { return abandon(code) }
    var easy: UnsafeMutableRawPointer?
    var result = CURLE_OK
    while ccurl_multi_next_done(multi, &easy, &result) {
      guard let easy, let id = idOfHandle[easy], let transfer = transfers[id] else { continue }
      remove(transfer)
      transfer.complete(result)
    }
    let now = ContinuousClock.now
    var wake = now + .milliseconds(Self.pollMillisecondsMax)
    for transfer in Array(transfers.values) {
      guard let deadline = transfer.deadline else { continue }
      if deadline <= now {
        finish(transfer, aborted: .unsent(.timedOut, transfer.timeoutDetail(now)))
      } else {
        wake = min(wake, deadline)
      }
    }
    // Rounded up, so that it does not wake before the deadline and poll again with zero.
    let milliseconds = Int32((wake - now) / .milliseconds(1)) + 1
    let polled = curl_multi_poll(multi, nil, 0, milliseconds, nil)
    if polled != CURLM_OK { abandon(polled) }
  }

  /// Fails every transfer, because the multi handle failed (out of memory, or a bug).
  private func abandon(_ code: CURLMcode) {
    waiting = [:]
    let reason = "libcurl: " + String(cString: curl_multi_strerror(code))
    for transfer in Array(transfers.values) {
      finish(transfer, aborted: .unsent(.noAnswer, reason))
    }
  }

  private func finish(_ transfer: Transfer, aborted fault: HTTPFault) {
    remove(transfer)
    transfer.abort(fault)
  }

  private func remove(_ transfer: Transfer) {
    let origin = transfer.origin
    transfers[transfer.id] = nil
    inbox.ended()
    if idOfHandle.removeValue(forKey: transfer.easy) == nil {
      waiting[origin]?.removeAll { $0 === transfer }
      if waiting[origin]?.isEmpty == true { waiting[origin] = nil }
    } else {
      _ = curl_multi_remove_handle(multi, transfer.easy)
      running[origin, default: 1] -= 1
      if running[origin] == 0 { running[origin] = nil }
      admit(origin)
    }
  }
}
