// What a worker asks of the server for a checkout: packs of commits and tags.

import Cryptography
import FoundationEssentials
import HTTPClient
import Processes
import WorkerProtocol

extension ServerLink {
  /// The tags of a lease's repository.
  /// - Parameter have: the digest of the list that is here.
  /// - Returns: the list's digest and the list, which is nil if it is the one that is here; nil
  ///   if the server does not report it.
  func tags(
    for lease: LeaseReference, have: String?
  ) async -> (digest: String, listing: [UInt8]?)? {
    let request = TagsRequest(worker: worker, lease: lease, have: have)
    guard
      let body = try? await response(
        "tags", .bytes(encoded(request)), timeout: .seconds(60),
        responseLimit: TagList.bytesMax + 1024),
      let end = body.firstIndex(of: 10)
    else { return nil }
    let digest = String(decoding: body[..<end], as: UTF8.self)
    return (digest, digest == have ? nil : Array(body[(end + 1)...]))
  }

  /// Asks for the objects of a lease's head.
  /// - Parameters:
  ///   - have: commits that are complete here.
  ///   - tags: objects of tags to get instead of the head's.
  /// - Returns: a thin pack in chunks, from the server; what is in it is git's to check.
  func pack(
    of head: String, for lease: LeaseReference, have: [String] = [], tags: [String]? = nil
  ) async throws(CheckoutFault) -> HTTPStream {
    let body = encoded(
      FetchRequest(worker: worker, lease: lease, head: head, have: have, tags: tags))
    for isLast in [false, true] {
      do {
        let made = try proven(
          "fetch", .bytes(body), "POST", "application/json", .seconds(1800), idle: .seconds(60))
        let stream = try await client.stream(made.request)
        let status = stream.head.status
        guard let proof = made.proof(stream.head, key) else {
          throw fault(unproven(status, "fetch"))
        }
        clock.take(proof.time, asked: made.asked)
        if status == 200, proof.body == ResponseProof.streamed { return stream }
        var said: [UInt8] = []
        for try await chunk in stream where said.count < 64 << 10 { said += chunk }
        guard proof.body == SHA256.hex(said) else { throw fault(unproven(status, "fetch")) }
        let problem = try? JSONDecoder().decode(Problem.self, from: Data(said))
        if problem?.code == "stale", !isLast { continue }
        throw fault(refusal(status, problem, "fetch"))
      } catch let fault as CheckoutFault {
        throw fault
      } catch let error as HTTPFault {
        throw fault(refusal(error, "fetch"))
      } catch {
        throw CheckoutFault(message: "fetch: \(error)")
      }
    }
    throw CheckoutFault(message: "fetch", isUnreachable: true)
  }

  private func fault(_ refusal: Refusal) -> CheckoutFault {
    switch refusal {
    case .failed(.unreachable(let detail)), .failed(.unauthorized(let detail)),
      .failed(.revoked(let detail)):
      CheckoutFault(message: detail, isUnreachable: true)
    case .failed(.unknownLife): CheckoutFault(message: "fetch: 410", isUnreachable: true)
    case .packMissing: CheckoutFault(message: "fetch: 424", isUnreachable: true)
    case .over(let detail), .refused(let detail): CheckoutFault(message: detail)
    }
  }
}
