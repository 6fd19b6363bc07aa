/// A Brownian path that a seed determines at every time, whatever has been asked before.
///
/// The increments of `torchsde.BrownianTree`, which k-diffusion takes its noise from: times are rounded to six places, the
/// path over a node of the tree is known from its parent's by a Brownian bridge over its middle, and each node draws from a
/// generator of its own, seeded by its place in the tree.
struct BrownianTree: Sendable {
    private let seed: UInt64
    private let source: NoiseSource
    private let times: ClosedRange<Double>

    /// The size of torchsde's entropy pools.
    private static let poolSize = 24

    init(seed: UInt64, source: NoiseSource, times: ClosedRange<Double>) {
        self.seed = seed
        self.source = source
        self.times = Self.rounded(times.lowerBound)...Self.rounded(times.upperBound)
    }

    /// How far `count` independent paths go between two times, which are cut to those of the tree.
    func increment(from: Double, to: Double, count: Int) -> [Float] {
        let (low, high) = (clamped(from), clamped(to))
        var sum = [Float](repeating: 0, count: count)
        guard low < high else { return sum }
        let root = SeedSequence(entropy: seed, poolSize: Self.poolSize)
        // The root's increment is not of its rounded ends in torchsde either.
        let scale = Float((times.upperBound - times.lowerBound).squareRoot())
        let whole = normals(seed: root.state(1)[0], count: count).map { $0 * scale }
        var isFirst = true
        add(low, high, of: Node(start: times.lowerBound, end: times.upperBound, key: 0, depth: 0), whole) { part in
            if isFirst { sum = part } else { for index in sum.indices { sum[index] += part[index] } }
            isFirst = false
        }
        return sum
    }

    /// Part of the tree's time.
    private struct Node {
        let start: Double
        let end: Double
        let key: UInt64
        let depth: UInt64

        var middle: Double { BrownianTree.rounded(0.5 * (end + start)) }
    }

    /// Hands the increments of the largest nodes between two times to `body`, from the earliest.
    private func add(_ low: Double, _ high: Double, of node: Node, _ increment: [Float], _ body: ([Float]) -> Void) {
        guard low > node.start || high < node.end else { return body(increment) }
        let middle = node.middle
        // At the resolution of times there is nothing between the ends.
        guard middle > node.start, middle < node.end else { return body(increment) }
        let left = self.left(of: node, middle, increment)
        if low < middle {
            let part = Node(start: node.start, end: middle, key: 2 * node.key, depth: node.depth + 1)
            add(low, min(high, middle), of: part, left, body)
        }
        if high > middle {
            let right = zip(increment, left).map { $0 - $1 }
            let part = Node(start: middle, end: node.end, key: 2 * node.key + 1, depth: node.depth + 1)
            add(max(low, middle), high, of: part, right, body)
        }
    }

    /// The increment of a node's left half: a Brownian bridge.
    private func left(of node: Node, _ middle: Double, _ increment: [Float]) -> [Float] {
        let sequence = SeedSequence(entropy: seed, spawnKey: [node.key, node.depth], poolSize: Self.poolSize)
        let noise = normals(seed: sequence.state(1)[0], count: increment.count)
        let share = 1 / (node.end - node.start)
        let mean = Float((middle - node.start) * share)
        let deviation = Float(((middle - node.start) * (node.end - middle) * share).squareRoot())
        return zip(increment, noise).map { mean * $0 + deviation * $1 }
    }

    private func normals(seed: UInt32, count: Int) -> [Float] {
        switch source {
        case .torchCPU:
            var generator = TorchGenerator(seed: UInt64(seed))
            return generator.normals(count)
        case .philox:
            var generator = PhiloxGenerator(seed: UInt64(seed))
            return generator.normals(count)
        }
    }

    private func clamped(_ time: Double) -> Double {
        min(max(Self.rounded(time), times.lowerBound), times.upperBound)
    }

    /// To six places, as Python does: by the number's exact value, of which the product has lost some.
    ///
    /// Middles often lie half-way between two such numbers, and the path differs by which one is taken.
    static func rounded(_ time: Double) -> Double {
        let scaled = time * 1e6
        let lost = (-scaled).addingProduct(time, 1e6)
        let whole = scaled.rounded(.down)
        let excess = scaled - whole - 0.5
        if excess + lost == 0 { return scaled.rounded(.toNearestOrEven) / 1e6 }
        return (excess + lost > 0 ? whole + 1 : whole) / 1e6
    }
}
