import Diffusion
import Testing

@Suite("Torch's random numbers")
struct TorchGeneratorTests {
    /// Measured: 2.4e-7 at most, a unit in the last place of numbers beyond 2; the vectorised logarithm of torch is less exact.
    private let tolerance: Float = 1e-6

    @Test("for latents equal torch's", arguments: [0, 42, 52_794_693] as [UInt64])
    func latents(seed: UInt64) throws {
        let expected = try Golden.open("randn").floats("randn.\(seed)", shape: [1, 4, 16, 16])
        var generator = TorchGenerator(seed: seed)
        #expect(greatestDifference(generator.normals(1024), expected) < tolerance)
    }

    @Test("go on from call to call, in every size", arguments: [0, 42, 52_794_693, (1 << 32) + 42] as [UInt64])
    func stream(seed: UInt64) throws {
        let golden = try Golden.open("random")
        var generator = TorchGenerator(seed: seed)
        for (call, count) in [5, 16, 1, 18, 3, 17, 31, 64, 15, 1000].enumerated() {
            let expected = try golden.floats("\(seed).\(call)", shape: [count])
            #expect(greatestDifference(generator.normals(count), expected) < tolerance, "call \(call)")
        }
    }

    @Test("of a small tensor are the published ones")
    func small() {
        var generator = TorchGenerator(seed: 0)
        let expected: [Float] = [1.5409961, -0.2934289, -2.1787894, 0.5684313, -1.0845224]
        #expect(greatestDifference(generator.normals(5), expected) < tolerance)
        #expect(generator.normals(0) == [])
    }

    @Test("depend on the lower 32 bits of the seed only")
    func aliases() {
        var one = TorchGenerator(seed: 7)
        var other = TorchGenerator(seed: 7 + (1 << 32))
        #expect(one.normals(100) == other.normals(100))
    }
}
