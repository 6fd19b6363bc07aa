/// Makes new inputs of known ones, always the same for the same seed.
struct Mutator {
    /// Bytes at the edges of what decoders tell apart.
    private static let edges: [UInt8] = [0x00, 0x01, 0x7F, 0x80, 0xFF, 0x0A, 0x22, 0x2D, 0x2E, 0x5C, 0x7B, 0x7D]
    /// Words that mean something to one of them.
    private static let words = [
        "null", "true", "1e999", "-0", "18446744073709551616", "9223372036854775808", "{}", "[]", "\"\"", "\\u0000",
        "&a",
        "*a", "!!binary", "IDAT", "IEND", "\r\n", "../", "NaN", "0.1", "{from: 1, to: 1e9, step: 1e-9}",
    ].map { Array($0.utf8) }

    private var state: UInt64
    private let longest: Int

    /// - Parameters:
    ///   - seed: Decides all that follows.
    ///   - longest: No input gets longer, in bytes.
    init(seed: UInt64, longest: Int) {
        state = seed
        self.longest = longest
    }

    /// One to eight changes of one of `inputs`.
    mutating func next(from inputs: [[UInt8]]) -> [UInt8] {
        var input = inputs.isEmpty ? [] : inputs[number(below: inputs.count)]
        for _ in 0...number(below: 8) { change(&input, with: inputs) }
        return Array(input.prefix(longest))
    }

    /// A number that the seed decides.
    mutating func number(below limit: Int) -> Int {
        Int(random() % UInt64(max(limit, 1)))
    }

    private mutating func change(_ input: inout [UInt8], with others: [[UInt8]]) {
        let place = number(below: input.count + 1)
        let length = min(number(below: 1 << number(below: 8)), input.count - place)
        switch number(below: 8) {
        case 0 where place < input.count: input[place] ^= 1 << UInt8(number(below: 8))
        case 1 where place < input.count: input[place] = Self.edges[number(below: Self.edges.count)]
        case 2: input.insert(UInt8(truncatingIfNeeded: random()), at: place)
        case 3: input.removeSubrange(place..<place + length)
        case 4: input.insert(contentsOf: Array(input[place..<place + length]), at: number(below: input.count + 1))
        case 5: input.insert(contentsOf: Self.words[number(below: Self.words.count)], at: place)
        case 6: input.removeSubrange(place...)
        default:
            guard !others.isEmpty else { return }
            let other = others[number(below: others.count)]
            input.insert(contentsOf: other[number(below: other.count + 1)...], at: place)
        }
    }

    /// SplitMix64.
    private mutating func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
