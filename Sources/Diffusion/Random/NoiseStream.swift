/// Whose random numbers a seed stands for.
package enum NoiseSource: String, CaseIterable, Sendable {
    /// `torch.randn` on a CPU.
    case torchCPU = "torch-cpu"
    /// `torch.randn` on a CUDA device.
    case philox
}

/// The normal numbers of one seed, in the order in which a run asks for them.
package struct NoiseStream: Sendable {
    private var generator: Generator
    private let path: BrownianTree

    private enum Generator: Sendable {
        case torchCPU(TorchGenerator)
        case philox(PhiloxGenerator)
    }

    /// - Parameters:
    ///   - seed: decides all numbers.
    ///   - source: whose generator draws them.
    ///   - sigmas: the noise levels of the run, which a Brownian path spans.
    package init(seed: UInt64, source: NoiseSource = .torchCPU, sigmas: ClosedRange<Double> = 0...1) {
        switch source {
        case .torchCPU: generator = .torchCPU(TorchGenerator(seed: seed))
        case .philox: generator = .philox(PhiloxGenerator(seed: seed))
        }
        path = BrownianTree(seed: seed, source: source, times: sigmas)
    }

    /// The next `count` standard-normal numbers.
    package mutating func normals(_ count: Int) -> [Float] {
        switch generator {
        case .torchCPU(var torch):
            defer { generator = .torchCPU(torch) }
            return torch.normals(count)
        case .philox(var philox):
            defer { generator = .philox(philox) }
            return philox.normals(count)
        }
    }

    /// `count` standard-normal numbers: a Brownian path's increment between two noise levels over the root of their
    /// distance, as `BrownianTreeNoiseSampler` of k-diffusion gives it.
    func increment(from: Double, to: Double, count: Int) -> [Float] {
        let (low, high) = (min(from, to), max(from, to))
        let scale = Float((from <= to ? 1 : -1) / (high - low).squareRoot())
        return path.increment(from: low, to: high, count: count).map { $0 * scale }
    }
}
