/// Merges the bytes of a piece into tokens, in the order in which the merges were learned.
///
/// R. Sennrich, B. Haddow and A. Birch, "Neural Machine Translation of Rare Words with Subword Units",
/// <https://arxiv.org/abs/1508.07909>. The next merge comes from a heap, so that a piece of a million letters takes a second,
/// not a day.
struct BytePairEncoder: Sendable {
    /// What the last symbol of a piece ends with.
    static let endOfWord = "</w>"

    private struct Merge: Sendable {
        let rank: Int
        let result: Int32
    }

    /// A merge that was possible when it was noted.
    private struct Candidate: Comparable {
        let merge: Merge
        let left: Int
        let pair: UInt64

        static func == (one: Candidate, other: Candidate) -> Bool {
            (one.merge.rank, one.left) == (other.merge.rank, other.left)
        }

        static func < (one: Candidate, other: Candidate) -> Bool {
            (one.merge.rank, one.left) < (other.merge.rank, other.left)
        }
    }

    /// Stands where a symbol was merged into its left neighbour.
    private static let merged: Int32 = -1

    /// The token of each byte within a piece.
    private let innerIDs: [Int32]
    /// The token of each byte at the end of a piece.
    private let finalIDs: [Int32]
    private let merges: [UInt64: Merge]

    /// Prepares the tables.
    ///
    /// - Parameters:
    ///   - vocabulary: the id of each token, at least 0.
    ///   - pairs: the merges, the first learned first.
    ///   - unknown: the id for a byte that the vocabulary lacks.
    /// - Throws: a sentence's part that names the merge whose tokens the vocabulary lacks.
    init(
        vocabulary: [String: Int32], merges pairs: [(String, String)], unknown: Int32
    ) throws(TokenizerFiles.Failure) {
        let symbols = ByteAlphabet.characters.map(String.init)
        innerIDs = symbols.map { vocabulary[$0] ?? unknown }
        finalIDs = symbols.map { vocabulary[$0 + Self.endOfWord] ?? unknown }
        var merges: [UInt64: Merge] = [:]
        merges.reserveCapacity(pairs.count)
        for (rank, (left, right)) in pairs.enumerated() {
            guard let leftID = vocabulary[left], let rightID = vocabulary[right], let result = vocabulary[left + right]
            else {
                throw TokenizerFiles.Failure(
                    "it merges \"\(left)\" and \"\(right)\", which its vocabulary does not know")
            }
            merges[Self.pair(leftID, rightID)] = Merge(rank: rank, result: result)
        }
        self.merges = merges
    }

    /// The tokens of a piece of text, given as its UTF-8 bytes.
    func encode(_ piece: [UInt8]) -> [Int32] {
        guard let last = piece.last else { return [] }
        var ids = piece.dropLast().map { innerIDs[Int($0)] } + [finalIDs[Int(last)]]
        // The symbols form a list, linked by index in both directions.
        var successors = Array(1...ids.count)
        var predecessors = Array(-1..<ids.count - 1)
        var candidates = MinHeap<Candidate>()

        func note(_ left: Int) {
            guard left >= 0, successors[left] < ids.count else { return }
            let pair = Self.pair(ids[left], ids[successors[left]])
            if let merge = merges[pair] { candidates.insert(Candidate(merge: merge, left: left, pair: pair)) }
        }

        for left in ids.indices { note(left) }
        while let candidate = candidates.popMin() {
            let left = candidate.left
            let right = successors[left]
            // An earlier merge may have taken one of both.
            guard right < ids.count, Self.pair(ids[left], ids[right]) == candidate.pair else { continue }
            ids[left] = candidate.merge.result
            ids[right] = Self.merged
            successors[left] = successors[right]
            if successors[left] < ids.count { predecessors[successors[left]] = left }
            note(predecessors[left])
            note(left)
        }
        return ids.filter { $0 != Self.merged }
    }

    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}
