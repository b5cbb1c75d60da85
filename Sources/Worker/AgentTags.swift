// The tags of a repository for the agents' repositories, as lines of a packed-refs file. The file
// is kept with the clone and replaced only if the server's list has changed, so an attempt costs
// one small request and the copy of one file, however many tags there are.
//
// Tags are optional: if anything fails, the attempt continues with the clone's tags.

import Processes
import SystemCalls
import WorkerProtocol

extension RepositoryFiles {
  /// A `Mark`, then lines of a packed-refs file.
  var tags: String { "\(clone)/aipm-tags" }
}

extension Workspace {
  /// The first line of the file: the digest of the list, and whether all its tags are included.
  /// Missing ones may be available with the next head.
  private struct Mark: Equatable {
    var digest: String
    var isComplete: Bool

    var line: String { "\(digest) \(isComplete ? "complete" : "partial")" }

    init(digest: String, isComplete: Bool) {
      self.digest = digest
      self.isComplete = isComplete
    }

    init?(_ bytes: [UInt8]) {
      let words = bytes.prefix(100).prefix { $0 != 10 }.split(separator: UInt8(ascii: " "))
      guard words.count == 2 else { return nil }
      digest = String(decoding: words[0], as: UTF8.self)
      isComplete = words[1].elementsEqual("complete".utf8)
    }
  }

  /// Fetches the tags whose targets are in the clone, and the missing tag objects.
  func fetchTags(_ assignment: Assignment, _ repository: RepositoryFiles) async {
    let known = (try? DurableFile.read(repository.tags, atMost: 100)).flatMap { Mark($0) }
    let have = known?.isComplete == true ? known?.digest : nil
    guard let answer = await link.tags(for: assignment.lease, have: have),
      let listing = answer.listing
    else { return }
    do {
      let list = TagList(listing: listing)
      let found = try await present(list, assignment, repository)
      let mark = Mark(digest: answer.digest, isComplete: found.tags.count == list.tags.count)
      try DurableFile.replace(
        repository.tags, with: Array("\(mark.line)\n".utf8) + found.packedReferences)
    } catch {
      // The file is unchanged; the next attempt tries again.
    }
  }

  /// The tags that are complete in the clone, with their targets.
  private func present(
    _ list: TagList, _ assignment: Assignment, _ repository: RepositoryFiles
  ) async throws -> TagList {
    var targets = try await TagList.resolve(
      list.tags.map { "\($0.object)^{}" }, in: repository.clone)
    let absent = list.tags.indices.filter { targets[$0] == nil && list.tags[$0].target != nil }
    let there = try await TagList.resolve(
      absent.map { list.tags[$0].target ?? "" }, in: repository.clone)
    let wanted = zip(absent, there).filter { $0.1 != nil }.map(\.0)
    for start in stride(from: 0, to: wanted.count, by: FetchRequest.tagsMax) {
      let objects = wanted[start...].prefix(FetchRequest.tagsMax).map { list.tags[$0].object }
      let stream = try await link.pack(
        of: assignment.head, for: assignment.lease, tags: objects)
      try await index(stream, repository)
    }
    let brought = try await TagList.resolve(
      wanted.map { "\(list.tags[$0].object)^{}" }, in: repository.clone)
    for (index, target) in zip(wanted, brought) { targets[index] = target }
    return TagList(
      zip(list.tags, targets).compactMap { tag, target in
        target.map {
          .init(object: tag.object, target: $0 == tag.object ? nil : $0, name: tag.name)
        }
      })
  }

  /// The lines of a packed-refs file for all known tags.
  func packedTags(_ repository: RepositoryFiles) -> [UInt8] {
    guard let kept = try? DurableFile.read(repository.tags, atMost: 2 * TagList.bytesMax),
      Mark(kept) != nil, let end = kept.firstIndex(of: 10)
    else { return [] }
    return Array(kept[(end + 1)...])
  }
}
