/// How rows of cells are cut into shards, and in which order the shards are granted.
///
/// A row of n cells, ascending in guidance, becomes m = ⌈n / size⌉ shards; shard j holds the cells j, j + m, j + 2m, …,
/// so each covers the whole range thinly. The shards are taken in the order of the bit-reversed numbers 0, 1, 2, …
/// (0, 2, 1, 3 for m = 4): every one halves gaps that the ones before it left. All rows have their first shard before
/// any row has its second, so that every prompt and style shows early.
struct ShardOrder: Equatable {
    /// For each shard of a row the indices of its cells, ascending; in the order of granting.
    let pieces: [[Int]]

    /// - Parameters:
    ///   - rowLength: Number of cells in a row, ascending in guidance.
    ///   - shardSize: The most cells of a shard, at least 1.
    init(rowLength: Int, shardSize: Int) {
        let count = rowLength / shardSize + (rowLength % shardSize == 0 ? 0 : 1)
        pieces = Self.bitReversed(count).map { Array(stride(from: $0, to: rowLength, by: count)) }
    }

    /// The numbers below `count` in bit-reversed order.
    private static func bitReversed(_ count: Int) -> [Int] {
        guard count > 1 else { return Array(0..<count) }
        let unusedBits = (count - 1).leadingZeroBitCount
        let roundedUp = 1 << (Int.bitWidth - unusedBits)
        return (0..<roundedUp).lazy.map { number in
            Int(bitPattern: UInt(bitPattern: number).bitReversed >> UInt(unusedBits))
        }.filter { $0 < count }
    }
}

extension UInt {
    /// The word read from its other end.
    fileprivate var bitReversed: UInt {
        (0..<UInt.bitWidth).reduce(0) { reversed, bit in reversed << 1 | (self >> UInt(bit)) & 1 }
    }
}
