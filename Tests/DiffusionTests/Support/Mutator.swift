/// Damages bytes in the ways that find faults of parsers, repeatably.
struct Mutator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64 (Steele, Lea and Flood 2014).
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// What headers are made of, and numbers on which arithmetic stumbles.
    private static let tokens = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud800", "-1", "0", "1", "1e9", "0.5", "null", "true",
        "2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616",
        "\"dtype\":", "\"shape\":", "\"data_offsets\":", "\"F32\"", "\"F64\"", "\"BOOL\"", "\"__metadata__\":", "[0,0]",
        "\u{0}", "\u{FEFF}", "é",
    ].map { Array($0.utf8) }

    /// One to four changes within the first `count` bytes.
    mutating func mutate(_ bytes: [UInt8], first count: Int) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            let limit = min(count, bytes.count)
            guard limit > 0 else { return bytes }
            let place = Int.random(in: 0..<limit, using: &self)
            let end = min(limit, place + Int.random(in: 1...16, using: &self))
            switch Int.random(in: 0..<7, using: &self) {
            case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &self)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 2: bytes.removeSubrange(place..<end)
            case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 4: bytes.insert(contentsOf: Self.tokens.randomElement(using: &self) ?? [], at: place)
            case 5: bytes.replaceSubrange(place..<end, with: Self.tokens.randomElement(using: &self) ?? [])
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }
}
