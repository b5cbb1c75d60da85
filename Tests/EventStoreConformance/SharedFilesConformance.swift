import Projections
import Randomness
import Testing

/// What shared files are to everybody who uses them, whatever they are kept in.
package enum SharedFilesConformance {
  /// Checks empty files.
  package static func check(_ files: any SharedFiles) async throws {
    try await writesAreTheEnd(files)
    try await lengthIsCompared(files)
    try await foldersAreListed(files)
    try await boundsAreKept(files)
  }

  /// Random writes and reads give what they give on one array of bytes, wherever blocks end.
  private static func writesAreTheEnd(_ files: any SharedFiles) async throws {
    var random = Seeded(5)
    var model: [UInt8] = []
    #expect(try await files.read("a/random", from: 0, atMost: 10) == nil)
    for round in 0..<60 {
      let overlap = Int.random(in: 0...min(model.count, 40_000), using: &random)
      let count = Int.random(in: 0...60_000, using: &random)
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ round) }
      let offset = bytes.isEmpty ? model.count : model.count - overlap
      try await files.write(bytes, to: "a/random", at: offset, of: model.count)
      model = model.prefix(offset) + bytes
      if round % 7 == 6 {
        model = Array(model.prefix(1 + round * 300))
        try await files.replace("a/random", with: model)
      }
      for _ in 0..<4 {
        let start = Int.random(in: 0...(model.count + 10), using: &random)
        let length = Int.random(in: 0...50_000, using: &random)
        let piece = try await files.read("a/random", from: start, atMost: length)
        #expect(piece?.length == model.count)
        #expect(piece?.bytes == Array(model.dropFirst(start).prefix(length)))
      }
    }
    #expect(try await files.whole("a/random", atMost: model.count) == model)
    await #expect(throws: SharedFileFault.tooLarge("a/random")) {
      try await files.whole("a/random", atMost: model.count - 1)
    }
    let large = [UInt8](repeating: 3, count: SharedFileLimits.readMax)
    try await files.write(large, to: "a/large", at: 0, of: 0)
    try await files.write([1, 2], to: "a/large", at: large.count, of: large.count)
    #expect(try await files.whole("a/large", atMost: .max) == large + [1, 2])
    try await files.replace("a/large", with: [])
    #expect(try await files.whole("a/large", atMost: 0) == [])
    try await files.remove("a")
  }

  /// A writer that does not know of the last write changes nothing.
  private static func lengthIsCompared(_ files: any SharedFiles) async throws {
    await #expect(throws: SharedFileFault.changed(length: 0)) {
      try await files.write([9], to: "b", at: 1, of: 1)
    }
    #expect(try await files.read("b", from: 0, atMost: 9) == nil)
    try await files.write([1, 2, 3], to: "b", at: 0, of: 0)
    for (offset, length) in [(0, 0), (2, 2), (4, 4)] {
      await #expect(throws: SharedFileFault.changed(length: 3)) {
        try await files.write([9], to: "b", at: offset, of: length)
      }
    }
    try await files.write([], to: "b", at: 3, of: 3)
    #expect(try await files.whole("b", atMost: 9) == [1, 2, 3])
    // Of two writers that know the same length, one wins.
    let wins = await withTaskGroup(of: Bool.self) { group in
      for value in 0..<8 {
        group.addTask {
          (try? await files.write([UInt8(value)], to: "b", at: 3, of: 3)) != nil
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(wins == 1)
    #expect(try await files.read("b", from: 0, atMost: 9)?.length == 4)
    try await files.remove("b")
  }

  private static func foldersAreListed(_ files: any SharedFiles) async throws {
    // A name that continues the folder's, with characters before and after the slash.
    for path in ["f/1", "f/2/x", "f/2/y", "f-", "f.x/1", "f0", "g/1", "f/é/1"] {
      try await files.replace(path, with: Array(path.utf8))
    }
    let all = try await files.list("f")
    #expect(all.map(\.path) == ["f/1", "f/2/x", "f/2/y", "f/é/1"])
    #expect(all.map(\.length) == [3, 5, 5, 6])
    #expect(Set(try await files.names(in: "f")) == ["1", "2", "é"])
    #expect(try await files.names(in: "f/2").sorted() == ["x", "y"])
    #expect(try await files.names(in: "f/é") == ["1"])
    try await files.replace("f/1", with: [0, 0, 0])
    let now = try await files.list("f")
    #expect(now[0].version != all[0].version && now[1].version == all[1].version)
    #expect(try await files.remove("f/2").sorted() == ["f/2/x", "f/2/y"])
    #expect(try await files.remove("f/2") == [])
    #expect(try await files.remove("f/1") == ["f/1"])
    #expect(try await files.list("f").map(\.path) == ["f/é/1"])
    for path in ["f-", "f.x/1", "f0", "g/1"] {
      #expect(try await files.whole(path, atMost: 9) == Array(path.utf8))
      try await files.remove(path)
    }
    try await files.remove("f")
  }

  private static func boundsAreKept(_ files: any SharedFiles) async throws {
    let bad = [
      "", "/a", "a/", "a//b", "a\0", String(repeating: "x", count: SharedFileLimits.pathMax + 1),
    ]
    for path in bad {
      await #expect(throws: SharedFileFault.tooLarge(path)) {
        try await files.replace(path, with: [1])
      }
    }
    let over = [UInt8](repeating: 1, count: SharedFileLimits.writeMax + 1)
    await #expect(throws: SharedFileFault.tooLarge("c")) {
      try await files.write(over, to: "c", at: 0, of: 0)
    }
    await #expect(throws: SharedFileFault.tooLarge("c")) {
      try await files.write(
        [1, 2], to: "c", at: SharedFileLimits.fileMax - 1, of: SharedFileLimits.fileMax - 1)
    }
    #expect(try await files.read("c", from: 0, atMost: 1) == nil)
  }
}
