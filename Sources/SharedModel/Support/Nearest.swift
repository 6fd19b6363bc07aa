/// Finds the word that somebody most likely meant.
enum Nearest {
    /// The candidate with the smallest edit distance to `word`, the first one among equals.
    ///
    /// - Returns: `nil` when even the best candidate shares too little with `word` to be what was meant.
    static func match(for word: String, among candidates: some Sequence<String>) -> String? {
        let letters = Array(word.lowercased().unicodeScalars.prefix(maximumLength))
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let distance = editDistance(letters, Array(candidate.lowercased().unicodeScalars.prefix(maximumLength)))
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        guard let best, best.distance <= max(2, letters.count / 2) else { return nil }
        return best.candidate
    }

    /// Longer words are compared by their beginnings: the distance takes quadratic time.
    private static let maximumLength = 64

    /// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
    ///
    /// The restricted Damerau-Levenshtein distance, three rows of the table at a time.
    private static func editDistance(_ first: [Unicode.Scalar], _ second: [Unicode.Scalar]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...second.count)
        for (i, a) in first.enumerated() {
            var row = [i + 1]
            for (j, b) in second.enumerated() {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a == b ? 0 : 1))
                if i > 0, j > 0, a == second[j - 1], first[i - 1] == b { cost = min(cost, beforeLast[j - 1] + 1) }
                row.append(cost)
            }
            (beforeLast, last) = (last, row)
        }
        return last[second.count]
    }
}
