import EventLog
import Text

/// What a delegation has left on the forge and in the log, without what differs from run to run:
/// times, ids, hashes, positions, tokens, numbers of attempts, and the events that record a
/// disturbance.
package struct Footprint: Equatable, Sendable, CustomStringConvertible {
  /// The commits of the branch, the pull requests, and the events, one line each.
  package var lines: [String]
  package var description: String { lines.joined(separator: "\n") }

  package init(lines: [String]) { self.lines = lines }
}

extension GatedInstallation {
  /// - Parameter id: of a delegation that has ended.
  package func footprint(of id: String) async throws -> Footprint {
    let delegation = try await server.delegation(id)
    let branch = delegation["branchName"].stringValue ?? ""
    var lines: [String] = []
    for commit in try await repository.commits(
      of: branch, beyond: delegation["baseBranch"].stringValue ?? "")
    {
      lines.append("commit \(commit.message)")
      for file in commit.files {
        let listed = try await repository.git(["ls-tree", "--name-only", commit.sha, "--", file])
        let content =
          listed.isEmpty ? "taken away" : try await repository.file(file, at: commit.sha)
        lines.append("\(file): \(content)")
      }
    }
    for pull in try await server.pullRequests(from: branch) {
      lines.append(
        "pull request \(pull["title"].canonicalText) \(pull["state"].canonicalText)")
    }
    lines += Self.undisturbed(try await server.events(of: id)).map { event in
      "\(event["type"].stringValue ?? "") \(event["actor"].canonicalText) "
        + event["data"].canonicalText
    }
    return Footprint(
      lines: lines.map { line in
        // What was found in place of being made is how the log tells of the disturbance.
        let made = line.replacing("\"adopted\":true", with: "\"adopted\":false")
        return Self.withoutNumbers(made.replacing(id, with: "ID"))
      })
  }

  /// The events of the run as it would have been: what an attempt that was lost has left goes with
  /// it, and of what was done again the last stands.
  private static func undisturbed(_ events: [JSONValue]) -> [JSONValue] {
    var kept: [JSONValue] = []
    for event in events {
      switch event["type"].stringValue {
      case "delegation.step-failed": break
      case "delegation.released":
        kept.removeAll {
          ["delegation.dispatched", "delegation.generating"].contains($0["type"].stringValue)
        }
      case let type?:
        if type == "delegation.dispatched" || type == "delegation.generating" {
          kept.removeAll { $0["type"].stringValue == type }
        }
        kept.append(event)
      case nil: kept.append(event)
      }
    }
    return kept
  }

  /// Words with a digit in them, that are numbers or hex, are all the same.
  private static func withoutNumbers(_ text: String) -> String {
    var (result, word) = ("", "")
    func isHex(_ word: String) -> Bool {
      word.contains(where: \.isNumber)
        && word.allSatisfy { $0.isHexDigit || $0 == "-" || $0.isNumber }
    }
    for character in text + " " {
      if character.isLetter || character.isNumber {
        word.append(character)
      } else {
        result += isHex(word) ? "#" : word
        word = ""
        result.append(character)
      }
    }
    return String(result.dropLast())
  }
}
