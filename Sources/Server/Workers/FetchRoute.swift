// A worker's checkout: the objects of its lease's head, as a thin pack that git makes while it is
// sent. The worker cannot choose a repository or a commit; both are the lease's.

import Cryptography
import Domain
import Engine
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Processes
import WorkerProtocol

/// Sends the objects of a lease's head.
struct FetchRoute: Sendable {
  let mirrors: String
  let logger: Logger

  /// The time-out from the first to the last byte.
  private static let limit = Duration.seconds(1800)

  /// - Parameter have: commits that the client has completely.
  func pack(
    of head: ObjectID, in repository: RepositoryName, have: [String]
  ) async throws -> Response {
    let folder = "\(mirrors)/\(repository).git"
    let wanted = have.prefix(FetchRequest.haveMax).filter { WorkerRoutes.isObjectID($0) }
    let known = try await commits([head.rawValue] + wanted, in: folder)
    guard known.contains(head.rawValue) else {
      throw Problem.notFound("commit \(head) in the mirror of \(repository)")
    }
    return stream(
      ["pack-objects", "-q", "--stdout", "--revs", "--thin", "--delta-base-offset"],
      [head.rawValue] + wanted.filter(known.contains).map { "^\($0)" }, in: folder)
  }

  /// The output of git, with these lines as its input.
  private func stream(_ arguments: [String], _ lines: [String], in folder: String) -> Response {
    let command = Command(
      "git", arguments,
      environment: Git.environment(
        gitDirectory: folder, config: [("safe.directory", "*")]),
      timeout: Self.limit, outputLimit: 64 << 10)
    var headers: HTTPFields = [.contentType: "application/x-git-pack"]
    if let field = HTTPField.Name(ResponseProof.field) {
      headers[field] = ResponseProof.streamed
    }
    let input = Array(lines.map { "\($0)\n" }.joined().utf8)
    let exchange = PackExchange(command, input: input, logger)
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { writer in
        try await exchange.write(to: &writer)
        try await writer.finish(nil)
      })
  }

  /// The tags of a repository: the digest of the list, a line feed, and the list. The list is
  /// omitted if the worker has it, which its digest shows.
  func tags(of repository: RepositoryName, have: String?) -> Response {
    let listing = TagList.listing(ofMirror: "\(mirrors)/\(repository).git")
    let digest = SHA256.hex(listing)
    let body = Array("\(digest)\n".utf8) + (digest == have ? [] : listing)
    return Response(
      status: .ok, headers: [.contentType: "application/octet-stream"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }

  /// The objects that the repository's tags name, and no others.
  func pack(ofTags objects: [String], in repository: RepositoryName) -> Response {
    let folder = "\(mirrors)/\(repository).git"
    let known = Set(
      TagList(listing: TagList.listing(ofMirror: folder)).tags.map(\.object))
    return stream(
      ["pack-objects", "-q", "--stdout", "--delta-base-offset"],
      objects.prefix(FetchRequest.tagsMax).filter(known.contains), in: folder)
  }

  /// The names that are commits of the repository.
  private func commits(_ names: [String], in folder: String) async throws -> Set<String> {
    do {
      let said = try await Git.run(
        ["cat-file", "--batch-check"], gitDirectory: folder, config: [("safe.directory", "*")],
        input: .bytes(Array((names.joined(separator: "\n") + "\n").utf8)), timeout: .seconds(30))
      return Set(
        said.outputText.split(separator: "\n").compactMap { line in
          let words = line.split(separator: " ")
          return words.count == 3 && words[1] == "commit" ? String(words[0]) : nil
        })
    } catch {
      throw WorkerFault.unavailable("the mirror cannot be read: \(error)")
    }
  }
}

/// One call of git, whose output is streamed. The program ends when this object is freed.
private final class PackExchange: Sendable {
  private let body: RequestBody
  private let running: Task<Void, any Error>

  private struct PackFault: Error {
    let reason: String
  }

  init(_ command: Command, input: [UInt8], _ logger: Logger) {
    // A stream with back-pressure: git waits while the client is slow.
    let (body, source) = RequestBody.makeStream()
    self.body = body
    running = Task {
      do {
        let (value, result) = try await command.converse { stdin, output in
          _ = await stdin.write(input)
          await stdin.finish()
          for try await chunk in output { await source.yield(ByteBuffer(bytes: chunk)) }
        }
        try value.get()
        // The pack is incomplete, so the worker asks again.
        guard result.succeeded else { throw PackFault(reason: result.errorText) }
        source.finish()
      } catch {
        logger.warning("a pack for a worker broke off: \(error)")
        source.finish(error)
        throw error
      }
    }
  }

  deinit { running.cancel() }

  func write(to writer: inout any ResponseBodyWriter) async throws {
    do {
      for try await buffer in body { try await writer.write(buffer) }
    } catch {
      running.cancel()
      _ = await running.result
      throw error
    }
    try await running.value
  }
}
