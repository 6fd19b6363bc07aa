/// Seeds made from seeds, as `numpy.random.SeedSequence` makes them.
///
/// After M. O'Neill's `seed_seq_fe`, <https://www.pcg-random.org/posts/developing-a-seed_seq-alternative.html>; the constants
/// and the order of mixing are those that numpy documents and guarantees.
struct SeedSequence: Sendable {
    private var pool: [UInt32]

    /// - Parameters:
    ///   - entropy: the seed that all others come from.
    ///   - spawnKey: tells sequences of one entropy apart; each number takes as many words as it needs.
    ///   - poolSize: number of words that the entropy is spread over, at least 4.
    init(entropy: UInt64, spawnKey: [UInt64] = [], poolSize: Int) {
        var words = Self.words(of: entropy)
        if !spawnKey.isEmpty {
            words += Array(repeating: 0, count: max(poolSize - words.count, 0)) + spawnKey.flatMap(Self.words)
        }
        var hash = Hash(constant: 0x43B0_D7E5, multiplier: 0x931E_8875)
        pool = (0..<poolSize).map { hash.mix($0 < words.count ? words[$0] : 0) }
        for source in 0..<poolSize {
            for target in 0..<poolSize where target != source {
                pool[target] = Self.mix(pool[target], hash.mix(pool[source]))
            }
        }
        for word in words.dropFirst(poolSize) {
            for target in 0..<poolSize { pool[target] = Self.mix(pool[target], hash.mix(word)) }
        }
    }

    /// The first `count` words of `generate_state`.
    func state(_ count: Int) -> [UInt32] {
        var hash = Hash(constant: 0x8B51_F9DD, multiplier: 0x58F3_8DED)
        return (0..<count).map { hash.mix(pool[$0 % pool.count]) }
    }

    /// Lowest word first; zero is one word.
    private static func words(of number: UInt64) -> [UInt32] {
        let words = [UInt32(truncatingIfNeeded: number), UInt32(number >> 32)]
        return words[1] == 0 ? [words[0]] : words
    }

    private static func mix(_ first: UInt32, _ second: UInt32) -> UInt32 {
        let mixed = 0xCA01_F9DD &* first &- 0x4973_F715 &* second
        return mixed ^ mixed >> 16
    }

    private struct Hash {
        var constant: UInt32
        let multiplier: UInt32

        mutating func mix(_ word: UInt32) -> UInt32 {
            let masked = word ^ constant
            constant &*= multiplier
            let product = masked &* constant
            return product ^ product >> 16
        }
    }
}
