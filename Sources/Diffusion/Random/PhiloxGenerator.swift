import Glibc

/// The random numbers of `torch.Generator("cuda")`, drawn on a CPU: what A1111 calls "NV".
///
/// J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011: Philox with four words and ten rounds. Element i
/// of call n takes the first two words at the counter (n, 0, i, 0), and Box-Muller makes a normal number of them, as cuRAND
/// does. On a device, tensors of more numbers than it has threads are drawn in more than one go; those are not the same.
struct PhiloxGenerator: Sendable {
    private let key: SIMD2<UInt32>
    /// Number of calls so far.
    private var calls: UInt32 = 0

    init(seed: UInt64) {
        key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    }

    /// As `torch.randn(count, device="cuda")`: the next standard-normal numbers.
    mutating func normals(_ count: Int) -> [Float] {
        defer { calls &+= 1 }
        return (0..<count).map { element in
            let words = Self.words(counter: SIMD4(calls, 0, UInt32(truncatingIfNeeded: element), 0), key: key)
            // Halves of a unit keep the logarithm from zero.
            let radius = (-2 * log((Double(words[0]) + 0.5) * 0x1p-32)).squareRoot()
            return Float(radius * sin((Double(words[1]) + 0.5) * 0x1p-31 * Double.pi))
        }
    }

    /// The four words of a counter.
    static func words(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
        var (words, key) = (counter, key)
        for _ in 0..<10 {
            let first = words[0].multipliedFullWidth(by: 0xD251_1F53)
            let second = words[2].multipliedFullWidth(by: 0xCD9E_8D57)
            words = SIMD4(second.high ^ words[1] ^ key[0], second.low, first.high ^ words[3] ^ key[1], first.low)
            key = key &+ SIMD2(0x9E37_79B9, 0xBB67_AE85)
        }
        return words
    }
}
