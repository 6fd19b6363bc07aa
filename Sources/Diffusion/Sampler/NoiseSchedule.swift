import Glibc

/// The noise levels that a model was trained with, in the precision in which torch computes them.
///
/// A level is a timestep t. With ᾱ the share of the image's variance that is left, latents of variance-preserving form are
/// √ᾱ·image + √(1−ᾱ)·noise; σ = √((1−ᾱ)/ᾱ) is the noise for an image of full strength.
package struct NoiseSchedule: Sendable {
    package let config: SchedulerConfig
    /// ᾱ for each trained timestep.
    package let alphaBars: [Float]
    /// σ for each trained timestep, increasing.
    package let sigmas: [Float]
    private let logSigmas: [Double]

    package init(_ config: SchedulerConfig) {
        self.config = config
        let trained = Self.products(Self.betas(config).map { 1 - $0 })
        alphaBars = config.hasZeroTerminalSNR ? Self.withoutTerminalSignal(trained) : trained
        // Where nothing is left of the image, σ is infinite; diffusers takes the least share that half precision knows.
        sigmas = alphaBars.map { alphaBar in
            let share = max(alphaBar, 0x1p-24)
            return ((1 - share) / share).squareRoot()
        }
        logSigmas = sigmas.map { sigma in Double(Float(log(Double(sigma)))) }
    }

    /// Torch multiplies up in double precision and rounds each result.
    private static func products(_ factors: [Float]) -> [Float] {
        var product = 1.0
        return factors.map { factor in
            product *= Double(factor)
            return Float(product)
        }
    }

    /// Algorithm 1 of <https://arxiv.org/abs/2305.08891>: √ᾱ is shifted to end at zero, and stretched to begin where it did.
    private static func withoutTerminalSignal(_ alphaBars: [Float]) -> [Float] {
        let roots = alphaBars.map { $0.squareRoot() }
        guard let first = roots.first, let last = roots.last, first > last else { return alphaBars }
        let shares = roots.map { root in
            let stretched = (root - last) * (first / (first - last))
            return stretched * stretched
        }
        return products([shares[0]] + zip(shares, shares.dropFirst()).map { 1 - (1 - $1 / $0) })
    }

    /// The variance of the noise that each trained timestep adds.
    private static func betas(_ config: SchedulerConfig) -> [Float] {
        let count = config.trainedTimestepCount
        switch config.betaSchedule {
        case .linear:
            return linearSpace(from: config.betaStart, to: config.betaEnd, count: count)
        case .scaledLinear:
            let (start, end) = (config.betaStart.squareRoot(), config.betaEnd.squareRoot())
            return linearSpace(from: start, to: end, count: count).map { $0 * $0 }
        }
    }

    /// As `torch.linspace` in single precision: each half counts from its own end, with fused rounding.
    private static func linearSpace(from start: Double, to end: Double, count: Int) -> [Float] {
        let (start, end) = (Float(start), Float(end))
        let step = (end - start) / Float(count - 1)
        return (0..<count).map { index in
            index < count / 2
                ? start.addingProduct(step, Float(index)) : end.addingProduct(-step, Float(count - 1 - index))
        }
    }

    /// ᾱ at a timestep, or at the last trained one for those beyond.
    func alphaBar(at timestep: Int) -> Double {
        Double(alphaBars[min(timestep, alphaBars.count - 1)])
    }

    /// σ at a timestep that may lie between trained ones, interpolated linearly as `numpy.interp` does.
    func sigma(at timestep: Double) -> Float {
        let position = min(max(timestep, 0), Double(sigmas.count - 1))
        let index = min(Int(position), sigmas.count - 2)
        let (low, high) = (Double(sigmas[index]), Double(sigmas[index + 1]))
        return Float(low + (high - low) * (position - Double(index)))
    }

    /// The same, interpolated in log σ as k-diffusion does.
    func logInterpolatedSigma(at timestep: Double) -> Double {
        let position = min(max(timestep, 0), Double(sigmas.count - 1))
        let index = min(Int(position), sigmas.count - 2)
        let share = position - Double(index)
        return exp((1 - share) * logSigmas[index] + share * logSigmas[index + 1])
    }

    /// The timestep at which the noise is `sigma`, interpolated in log σ.
    func timestep(ofSigma sigma: Double) -> Double {
        let logSigma = log(sigma)
        let above = logSigmas.firstIndex { $0 > logSigma } ?? logSigmas.count
        let index = min(max(above - 1, 0), logSigmas.count - 2)
        let fraction = (logSigma - logSigmas[index]) / (logSigmas[index + 1] - logSigmas[index])
        return Double(index) + min(max(fraction, 0), 1)
    }

    /// `count` timesteps from the noisiest down.
    ///
    /// With leading spacing the first may lie beyond the last trained one, by as much as the offset.
    func timesteps(_ count: Int, spacing: SchedulerConfig.TimestepSpacing) -> [Double] {
        let trained = config.trainedTimestepCount
        let indices = (0..<count).map(Double.init)
        switch spacing {
        case .leading:
            let interval = max(trained / count, 1)
            return indices.reversed().map { index in index * Double(interval) + Double(config.stepsOffset) }
        case .linspace:
            let interval = Double(trained - 1) / Double(max(count - 1, 1))
            return indices.reversed().map { index in index * interval }
        case .trailing:
            let interval = Double(trained) / Double(count)
            return indices.map { index in (Double(trained) - index * interval).rounded(.toNearestOrEven) - 1 }
        }
    }
}
