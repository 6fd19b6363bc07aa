import Testing

@testable import Diffusion

@Suite("Noise")
struct NoiseTests {
    @Test("Philox gives the numbers that A1111 documents for torch on CUDA, and goes on call by call")
    func philox() {
        // modules/rng_philox.py of A1111's web UI prints these for torch.manual_seed(0); torch.randn(12, device="cuda").
        let expected: [Float] = [
            -0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122, -0.32838709,
            -1.07454231, -0.36314407, -1.67105067, 2.26550497,
        ]
        var generator = PhiloxGenerator(seed: 0)
        let numbers = generator.normals(12)
        #expect(greatestDifference(numbers, expected) < 1e-6)
        #expect(generator.normals(12) != numbers)
        var other = PhiloxGenerator(seed: 1 << 32)
        #expect(other.normals(12) != numbers, "all 64 bits of the seed count")
    }

    @Test("seeds come from seeds as in numpy")
    func seeds() throws {
        let expected: [Int64] = try Golden.open("sampler_paths").scalars("seeds", shape: [6, 4])
        let cases: [(UInt64, [UInt64])] = [
            (0, []), (7, []), (1 << 40 + 3, []), (7, [0, 0]), (7, [5, 3]), (1 << 63, [1 << 33, 40]),
        ]
        let found = cases.flatMap { entropy, key in
            SeedSequence(entropy: entropy, spawnKey: key, poolSize: 24).state(4).map(Int64.init)
        }
        #expect(found == expected)
    }

    @Test("Brownian paths are torchsde's, in whatever order they are asked for")
    func brownian() throws {
        let expected = try Golden.open("sampler_paths").floats("brownian", shape: [6, 16])
        let tree = BrownianTree(seed: 1 << 40 + 3, source: .torchCPU, times: 0.03...14.6)
        let queries = [(0.03, 14.6), (0.03, 1.0), (1.0, 2.5), (2.5, 14.6), (0.123456, 0.1234567), (5.0, 5.1)]
        let found = queries.flatMap { tree.increment(from: $0.0, to: $0.1, count: 16) }
        // Single precision over two dozen halvings.
        #expect(greatestDifference(found, expected) < 1e-5)
        #expect(tree.increment(from: 3, to: 3, count: 2) == [0, 0])
        #expect(tree.increment(from: -5, to: 99, count: 16) == tree.increment(from: 0.03, to: 14.6, count: 16))
    }

    @Test("times are rounded as Python rounds them, by their exact values")
    func rounding() {
        // Python's round(x, 6); of the halves, some lie a little below and some a little above what they are written as.
        let cases: [(Double, Double)] = [
            (0.0000005, 0), (0.0000015, 0.000002), (0.0000025, 0.000003), (2.0000005, 2.000001), (1.0000005, 1.000001),
            (7.25, 7.25), (14.614647, 14.614647),
        ]
        for (time, expected) in cases { #expect(BrownianTree.rounded(time) == expected, "\(time)") }
    }

    @Test("increments point down where the noise level falls")
    func direction() {
        let stream = NoiseStream(seed: 3, source: .philox, sigmas: 0.03...14.6)
        let down = stream.increment(from: 5, to: 1, count: 8)
        #expect(down == stream.increment(from: 1, to: 5, count: 8).map { -$0 })
        #expect(down != NoiseStream(seed: 3, sigmas: 0.03...14.6).increment(from: 5, to: 1, count: 8))
    }
}
