import Foundation

/// Reads a `parameters` text by the rules of A1111's web UI, so that tests see what that program would see.
///
/// The rules: the last line holds the settings when at least three pairs are found in it; lines are stripped; a line
/// that begins with `Negative prompt:` begins the negative prompt; a value in quotes is a JSON string; a value of the
/// form `3x4` becomes two.
struct A1111Reader {
    private(set) var prompt = ""
    private(set) var negativePrompt = ""
    private(set) var settings: [String: String] = [:]

    init(_ text: String) throws {
        var lines = text.trimmingCharacters(in: .whitespacesAndNewlines)
            .components(separatedBy: "\n")
        let pairs = try Self.pairs(in: lines.last ?? "")
        if pairs.count >= 3 {
            lines.removeLast()
            readSettings(pairs)
        }
        var isNegative = false
        for line in lines {
            var line = line.trimmingCharacters(in: .whitespacesAndNewlines)
            if line.hasPrefix("Negative prompt:") {
                isNegative = true
                line = line.dropFirst("Negative prompt:".count).trimmingCharacters(in: .whitespacesAndNewlines)
            }
            if isNegative {
                negativePrompt += (negativePrompt.isEmpty ? "" : "\n") + line
            } else {
                prompt += (prompt.isEmpty ? "" : "\n") + line
            }
        }
    }

    private static func pairs(in line: String) throws -> [(name: String, value: String)] {
        let pattern = #"\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)"#
        let whole = NSRange(line.startIndex..., in: line)
        return try NSRegularExpression(pattern: pattern).matches(in: line, range: whole).compactMap { match in
            guard let name = Range(match.range(at: 1), in: line), let value = Range(match.range(at: 2), in: line) else {
                return nil
            }
            return (String(line[name]), String(line[value]))
        }
    }

    private mutating func readSettings(_ pairs: [(name: String, value: String)]) {
        for (name, quoted) in pairs {
            var value = quoted
            if value.hasPrefix("\""), value.hasSuffix("\""),
                let text = try? JSONDecoder().decode(String.self, from: Data(value.utf8))
            {
                value = text
            }
            let sides = value.split(separator: "x", omittingEmptySubsequences: false)
            if sides.count == 2, sides.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isNumber) }) {
                settings["\(name)-1"] = String(sides[0])
                settings["\(name)-2"] = String(sides[1])
            } else {
                settings[name] = value
            }
        }
    }
}
