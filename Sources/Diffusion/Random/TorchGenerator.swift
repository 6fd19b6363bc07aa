import Glibc

/// The random numbers of `torch.Generator("cpu")`, so that a seed gives the pictures here that it gives in diffusers.
///
/// `torch.randn` takes three ways, all of them here: one for tensors of at least 16 numbers (in blocks of 16, and again for
/// the last 16 when there is a rest), and one in double precision for smaller ones. The stream goes on from call to call.
/// See `normal_fill` in torch's `aten/src/ATen/native/cpu/DistributionTemplates.h` and `normal_distribution` in
/// `aten/src/ATen/core/DistributionsHelper.h`.
package struct TorchGenerator: Sendable {
    /// Torch draws and transforms this many numbers at once.
    private static let blockSize = 16
    /// The float nearest to 2π; twice `Float.pi` is not, because Swift rounds that one towards zero.
    private static let fullTurn = Float(2 * Double.pi)

    private var engine: MersenneTwister
    /// The second of a pair of small tensors' numbers, kept for the next draw.
    private var spare: Double?

    /// As `torch.Generator("cpu").manual_seed(seed)`, of which only the lower 32 bits count.
    package init(seed: UInt64) {
        engine = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
    }

    /// As `torch.randn(count)`: the next standard-normal numbers, equal to torch's within 1e-6.
    package mutating func normals(_ count: Int) -> [Float] {
        precondition(count >= 0, "a count cannot be negative")
        guard count >= Self.blockSize else { return (0..<count).map { _ in Float(pairedNormal()) } }
        var numbers = (0..<count).map { _ in uniform() }
        for start in stride(from: 0, through: count - Self.blockSize, by: Self.blockSize) {
            Self.transform(&numbers, from: start)
        }
        if !count.isMultiple(of: Self.blockSize) {
            // Torch draws the last block anew, over numbers that are already normal.
            let start = count - Self.blockSize
            for index in start..<count { numbers[index] = uniform() }
            Self.transform(&numbers, from: start)
        }
        return numbers
    }

    /// Box-Muller: makes the uniform numbers of a block normal, the first half from cosines and the second from sines.
    private static func transform(_ numbers: inout [Float], from start: Int) {
        let half = blockSize / 2
        for index in start..<start + half {
            let radius = (-2 * log(Double(1 - numbers[index]))).squareRoot()
            // Torch rounds the angle to single precision, which shows in the result; the rest is as exact as can be.
            let angle = Double(fullTurn * numbers[index + half])
            numbers[index] = Float(radius * cos(angle))
            numbers[index + half] = Float(radius * sin(angle))
        }
    }

    /// One of 2^24 numbers from 0 to less than 1.
    private mutating func uniform() -> Float {
        Float(engine.next() & 0xFF_FFFF) * 0x1p-24
    }

    /// One of 2^53 numbers from 0 to less than 1.
    private mutating func uniformDouble() -> Double {
        let high = UInt64(engine.next())
        let bits = high << 32 | UInt64(engine.next())
        return Double(bits & (1 << 53 - 1)) * 0x1p-53
    }

    private mutating func pairedNormal() -> Double {
        if let number = spare.take() { return number }
        let angle = 2 * Double.pi * uniformDouble()
        let radius = (-2 * log1p(-uniformDouble())).squareRoot()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }
}
