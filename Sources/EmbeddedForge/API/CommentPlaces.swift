// Where comments are in the diff of a pull request: when they are made, and after further pushes.

import Processes
import Synchronization

/// Finds places in diffs, and remembers the diffs of the last pull requests.
final class CommentPlaces: Sendable {
  /// Why a place cannot have a comment.
  enum Fault: Error, Equatable {
    /// The path is not in the diff.
    case path
    /// The line is not in the diff.
    case line
    /// The start is not in the same hunk.
    case startLine
    /// The start is not before the end.
    case order
  }

  /// A place as a client names it.
  struct Request: Sendable {
    var path: String
    var line: Int?
    var side = DiffPlace.Side.right
    var startLine: Int?
    var startSide: DiffPlace.Side?
    var position: Int?
    var isFile = false
  }

  /// The current place of an old comment.
  struct Current: Sendable, Equatable {
    var line: Int?
    var startLine: Int?
    var position: Int?
  }

  struct Ends: Hashable, Sendable {
    var repository: String
    var base: ObjectName
    var head: ObjectName
  }

  private struct Key: Hashable {
    var ends: Ends
    var path: String
  }

  private struct Known {
    /// By base branch's head and pull request's head.
    var mergeBases: [Ends: ObjectName] = [:]
    var diffs: [Ends: [String: FileChange]] = [:]
    var maps: [Key: LineMap?] = [:]
    var parsed: [Key: FileDiff] = [:]
  }

  private static let diffsMax = 8
  private static let mapsMax = 2000
  private static let parsedMax = 64
  private let known = Mutex(Known())

  /// The changed files of a diff, by path.
  func files(_ ends: Ends, _ git: BareRepository) async throws -> [String: FileChange] {
    if let files = known.withLock({ $0.diffs[ends] }) { return files }
    let changes = try await git.changes(from: ends.base, to: ends.head)
    let files = Dictionary(changes.map { ($0.path, $0) }) { first, _ in first }
    known.withLock { known in
      if known.diffs.count >= Self.diffsMax { known.diffs.removeAll() }
      known.diffs[ends] = files
    }
    return files
  }

  /// Where a diff begins: the common ancestor, or nothing.
  func mergeBase(_ base: ObjectName, _ head: ObjectName, _ git: BareRepository) async throws
    -> ObjectName
  {
    let ends = Ends(repository: git.path, base: base, head: head)
    if let found = known.withLock({ $0.mergeBases[ends] }) { return found }
    let found = try await git.mergeBase(base, head) ?? BareRepository.emptyTree
    known.withLock { known in
      if known.mergeBases.count >= Self.mapsMax { known.mergeBases.removeAll() }
      known.mergeBases[ends] = found
    }
    return found
  }

  /// The place of a new comment.
  /// - Throws: `Fault` if the diff does not show it.
  func place(_ request: Request, in ends: Ends, _ git: BareRepository) async throws -> DiffPlace {
    guard let file = try await files(ends, git)[request.path] else { throw Fault.path }
    var place = DiffPlace(
      path: file.path, basePath: file.previousPath ?? file.path, side: request.side,
      base: ends.base, commit: ends.head)
    if request.isFile { return place }
    guard let patch = file.patch else { throw Fault.line }
    let diff = FileDiff(patch: patch)
    let position: Int
    if let line = request.line {
      guard let found = diff.position(of: line, on: request.side) else { throw Fault.line }
      position = found
    } else {
      guard let given = request.position, diff.lines.indices.contains(given) else {
        throw Fault.line
      }
      position = given
      place.side = diff.lines[given].new == nil ? .left : .right
    }
    guard let line = diff.lines[position].number(place.side) else { throw Fault.line }
    (place.line, place.position) = (line, position)
    place.hunk = diff.hunk(upTo: position)
    guard let start = request.startLine else { return place }
    let side = request.startSide ?? request.side
    guard let first = diff.position(of: start, on: side),
      diff.lines[first].hunk == diff.lines[position].hunk
    else { throw Fault.startLine }
    guard first < position else { throw Fault.order }
    (place.startLine, place.startSide) = (start, side)
    return place
  }

  /// Where the place of a comment is in the current diff; nil if it is outdated, because its lines
  /// were changed or the diff no longer shows them.
  func current(_ place: DiffPlace, in ends: Ends, _ git: BareRepository) async throws -> Current? {
    if place.base == ends.base, place.commit == ends.head {
      return Current(line: place.line, startLine: place.startLine, position: place.position)
    }
    guard let file = try await files(ends, git)[place.path] else { return nil }
    guard let line = place.line else { return Current() }
    guard let moved = try await moved(line, place.side, place, ends, git), let patch = file.patch,
      let position = parsed(patch, Key(ends: ends, path: file.path))
        .position(of: moved, on: place.side)
    else { return nil }
    var current = Current(line: moved, position: position)
    if let start = place.startLine {
      current.startLine = try await self.moved(
        start, place.startSide ?? place.side, place, ends, git)
    }
    return current
  }

  /// Many comments are in one file.
  private func parsed(_ patch: String, _ key: Key) -> FileDiff {
    if let diff = known.withLock({ $0.parsed[key] }) { return diff }
    let diff = FileDiff(patch: patch)
    known.withLock { known in
      if known.parsed.count >= Self.parsedMax { known.parsed.removeAll() }
      known.parsed[key] = diff
    }
    return diff
  }

  private func moved(
    _ line: Int, _ side: DiffPlace.Side, _ place: DiffPlace, _ ends: Ends, _ git: BareRepository
  ) async throws -> Int? {
    let isLeft = side == .left
    let range = Ends(
      repository: ends.repository, base: isLeft ? place.base : place.commit,
      head: isLeft ? ends.base : ends.head)
    let key = Key(ends: range, path: isLeft ? place.basePath : place.path)
    if let map = known.withLock({ $0.maps[key] }) { return map?.moved(line) }
    let map = try await git.lineMap(of: key.path, from: range.base, to: range.head)
    known.withLock { known in
      if known.maps.count >= Self.mapsMax { known.maps.removeAll() }
      known.maps[key] = .some(map)
    }
    return map?.moved(line)
  }
}
