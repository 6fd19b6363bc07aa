import Foundation
import GRDB

/// What a program could read of the writing on an image: a hint at how legible it is, no verdict.
package struct BoardReading: Codable, Equatable, Sendable {
    /// Letters and digits in ``text``.
    package var letters: Int
    /// The words that were read with some confidence, a line for each line.
    package var text: String

    /// Longest text that is kept, in characters; a board holds less.
    package static let longestText = 1000
    /// From where on a word counts, of 100: below it tesseract finds words in hair and cloth.
    private static let leastConfidence = 60.0
    /// Letters and digits that a word has at least: single ones are found wherever two edges cross.
    private static let shortestWord = 2

    package init(letters: Int, text: String) {
        self.letters = letters
        self.text = text
    }

    /// Takes the words out of what `tesseract … tsv` writes: a line a word, with its place, confidence and text.
    init(tsv: String) {
        var lines: [String] = []
        var last: [Substring] = []
        for record in tsv.split(separator: "\n").dropFirst() {
            let fields = record.split(separator: "\t", omittingEmptySubsequences: false)
            // Level 5 is a word; fields 1 to 4 count page, block, paragraph and line.
            guard fields.count == 12, fields[0] == "5", let confidence = Double(fields[10]) else { continue }
            guard confidence >= Self.leastConfidence, Self.letters(in: fields[11]) >= Self.shortestWord else {
                continue
            }
            let place = Array(fields[1...4])
            if place == last, let line = lines.popLast() {
                lines.append("\(line) \(fields[11])")
            } else {
                lines.append(String(fields[11]))
            }
            last = place
        }
        let text = String(lines.joined(separator: "\n").prefix(Self.longestText))
        self.init(letters: Self.letters(in: text), text: text)
    }

    private static func letters(in text: some StringProtocol) -> Int {
        text.count { $0.isLetter || $0.isNumber }
    }

    /// The reading of a row that has one.
    init?(_ row: Row) {
        guard let letters = row["letters"] as Int? else { return nil }
        self.init(letters: letters, text: row["text"])
    }
}
