/// The 32-bit Mersenne Twister MT19937.
///
/// M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM Transactions on Modeling and Computer Simulation 8 (1998).
struct MersenneTwister: Sendable {
    private static let stateSize = 624
    private static let shiftSize = 397

    private var state: [UInt32]
    private var position = stateSize

    init(seed: UInt32) {
        state = [seed]
        state.reserveCapacity(Self.stateSize)
        for index in 1..<UInt32(Self.stateSize) {
            let previous = state[Int(index) - 1]
            state.append(1_812_433_253 &* (previous ^ previous >> 30) &+ index)
        }
    }

    /// The next 32 uniformly random bits.
    mutating func next() -> UInt32 {
        if position == Self.stateSize {
            twist()
            position = 0
        }
        var bits = state[position]
        position += 1
        bits ^= bits >> 11
        bits ^= bits << 7 & 0x9D2C_5680
        bits ^= bits << 15 & 0xEFC6_0000
        return bits ^ bits >> 18
    }

    private mutating func twist() {
        for index in 0..<Self.stateSize {
            let successor = state[(index + 1) % Self.stateSize]
            let joined = state[index] & 0x8000_0000 | successor & 0x7FFF_FFFF
            let twisted = joined >> 1 ^ (joined & 1 == 0 ? 0 : 0x9908_B0DF)
            state[index] = state[(index + Self.shiftSize) % Self.stateSize] ^ twisted
        }
    }
}
